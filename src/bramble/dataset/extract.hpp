#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bramble/dataset/decode.hpp"
#include "bramble/dataset/extract_topics.hpp"
#include "bramble/dataset/frame_filter.hpp"
#include "bramble/dataset/split_rule.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

struct ExtractOptions {
  std::vector<std::filesystem::path> bags;
  std::filesystem::path output;
  std::string image_topic = "/carla/hero/rgb_front/image";
  std::string label_topic = "/carla/hero/semantic_segmentation_front/image";
  /// Several cameras, instead of the two topics above. Their samples are named BAG_CAMERA_STAMP.
  std::vector<CameraTopics> cameras;
  Ontology ontology;                       ///< of the data set
  std::optional<Ontology> label_ontology;  ///< of the label pixels, mapped onto `ontology`; empty: that one
  std::string mapping;                     ///< mapping file from one to the other; empty: OntologyMapping::find
  LabelFormat label_format = LabelFormat::kAuto;
  std::string split = "train";
  std::optional<SplitRule> split_rule;  ///< instead of `split`
  std::int64_t slop_ns = 0;             ///< largest difference of stamps within a pair, at most 10 s; 0: equal stamps
  int every = 1;                        ///< keep every n-th pair of a bag, from its first on
  double every_metres = 0;  ///< keep a pair only when so far has been driven since the last one; needs odometry
  double min_change = 0;    ///< keep a pair only when its view has changed so much (frame_filter.hpp), 0…1
  int crop_x = 0, crop_y = 0, crop_width = 0, crop_height = 0;  ///< part of the picture; 0: all of it
  int width = 0, height = 0;                                    ///< resize (after cropping) to this; 0: as it is
  std::string cloud_topic;   ///< LiDAR to write with each sample (clouds/*.bin, KITTI); empty: none
  bool ply = false;          ///< the clouds as PLY too
  std::string pose_topic;    ///< odometry, poses or tf; writes poses.csv; empty: none
  std::string pose_frame;    ///< child frame of tf; empty: the first transform of each message
  bool calibration = false;  ///< writes calibration.json out of the camera_info topics beside the pictures
  int shards = 0;            ///< subfolders of images/, labels/, …; 0: none
  bool strict = false;       ///< refuse instead of dropping
  bool recover = false;      ///< read on after damage in a bag
  bool resume = false;       ///< go on with an unfinished extraction
};

/// What came of it; every message that gave no sample is in one of the counts:
///   images = samples + image_without_label + skipped_by_… + size_mismatch + its share of duplicate_stamp and
///   undecodable.
struct ExtractReport {
  std::uint64_t images = 0, labels = 0;
  std::uint64_t samples = 0;
  std::uint64_t kept = 0;  ///< of these, taken over from an earlier, unfinished run
  std::uint64_t image_without_label = 0;
  std::uint64_t label_without_image = 0;
  std::uint64_t duplicate_stamp = 0;
  std::uint64_t backward_stamp = 0;  ///< messages whose stamp is before that of an earlier one
  std::uint64_t size_mismatch = 0;
  std::uint64_t undecodable = 0;  ///< messages that are no image, and pairs in an encoding that is not read
  std::uint64_t skipped_by_every = 0;
  std::uint64_t skipped_by_distance = 0;
  std::uint64_t skipped_by_view = 0;
  std::uint64_t skipped_by_gap = 0;  ///< at the borders of a split by time
  std::uint64_t without_depth = 0;   ///< samples that lack what was asked for
  std::uint64_t without_cloud = 0;
  std::uint64_t without_pose = 0;
  std::uint64_t label_pixels = 0;           ///< of the samples written in this run, before resizing
  std::uint64_t unknown_label_pixels = 0;   ///< of these, became 255 (ignored)
  std::uint64_t label_with_unknown = 0;     ///< samples that hold such pixels
  std::vector<std::string> first_problems;  ///< what and where, at most 20
};

/// Pairs pictures and labels of the bags by header stamp (rules: pairing.hpp) and writes them as a data set; a sample
/// is named BAG_STAMP (ns). The bags are read one after the other with bounded memory, while decoding and encoding run
/// on the thread pool. Files and report do not depend on the number of threads. The settings are kept in
/// extraction.json; `resume` refuses others. What a simulation's variation had drawn goes to variation.jsonl.
/// Beside a sample, when asked for: the depth of its stamp, the nearest LiDAR sweep (at most 60 ms away), the pose
/// (poses.csv: name,stamp_ns,x,y,z,qx,qy,qz,qw of base_link in the odometry's frame). Throws
/// Error when a topic is missing (it lists those there are), nothing matched, no label value is known, the disk is
/// full, or `strict` and something was dropped or unknown. After an Error or Interrupted what was written stays,
/// without index.csv, for `resume`; nothing stays when nothing was written.
ExtractReport extract(const ExtractOptions& options);

}  // namespace bramble
