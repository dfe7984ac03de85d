#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/dataset/point_cloud.hpp"
#include "bramble/dataset/problems.hpp"
#include "bramble/dataset/sample_index.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Label values that the ontology lacks; their pixels became kIgnoreId.
struct UnknownLabels {
  std::uint64_t count = 0;
  std::string example;  ///< a value or colour
};

/// A data set in whatever format, as Bramble sees it: what there is, and how a label is read.
struct Listing {
  std::filesystem::path folder;
  Ontology ontology;
  SampleIndex samples;
  /// Class ids [H, W, 1] of a sample's picture. Throws Error naming the file. Thread-safe.
  std::function<ImageU8(const Sample&, UnknownLabels&)> read_label;
  bool plain_cloud_labels = false;  ///< .label files hold ids, not raw values
  Problems problems;
};

struct ReadOptions {
  std::filesystem::path folder;
  std::optional<Ontology> ontology;            ///< instead of the format's own
  std::map<std::string, std::string> options;  ///< of the format: camera=… and so on
  bool strict = false;                         ///< what is not whole is refused instead of left out
  std::string option(const std::string& key, const std::string& otherwise) const;
};

/// What is written of one sample.
struct SampleContent {
  ImageU8 image;  ///< [H, W, 3] RGB; empty: none
  ImageU8 label;  ///< [H, W, 1] ids; empty: none
  std::filesystem::path
      image_file;  ///< where the picture lies unchanged, so that its bytes can be taken over; or empty
  std::optional<PointCloud> cloud;
  std::size_t ordinal = 0;  ///< place of the sample in its data set, from 0
};

/// Writes a data set; an index or list comes last, with finish().
class SampleWriter {
 public:
  virtual ~SampleWriter() = default;
  /// Thread-safe; what is written does not depend on the order of the calls.
  virtual void add(const Sample& sample, const SampleContent& content) = 0;
  virtual void finish() = 0;
};

struct WriteOptions {
  std::filesystem::path folder;  ///< new or empty
  Ontology ontology;             ///< of the ids that are written
  int shards = 0;                ///< Bramble's layout: subfolders of images/ and labels/; 0: none
};

/// One way in which data sets lie on disk.
class DatasetFormat {
 public:
  virtual ~DatasetFormat() = default;
  virtual std::string_view name() const = 0;     ///< «rellis3d»
  virtual std::string_view summary() const = 0;  ///< one line: what it is, what is read and written
  /// Name of the shipped ontology of its labels; empty: data sets bring their own.
  virtual std::string_view ontology() const { return {}; }
  /// Whether the folder looks like one. Cheap; never throws.
  virtual bool detect(const std::filesystem::path& folder) const = 0;
  /// Lists what is there; missing halves go to the listing's problems. Throws Error when it is no such data set.
  virtual Listing read(const ReadOptions& options) const = 0;
  virtual std::unique_ptr<SampleWriter> write(const WriteOptions& options) const = 0;
};

/// Every format, Bramble's own first.
const std::vector<const DatasetFormat*>& dataset_formats();
/// Throws Error listing the formats, with the nearest name.
const DatasetFormat& find_format(std::string_view name);
/// The first format that a folder looks like, or null.
const DatasetFormat* detect_format(const std::filesystem::path& folder);

// The formats, one file each.
const DatasetFormat& bramble_format();
const DatasetFormat& gaia_format();
const DatasetFormat& rellis3d_format();
const DatasetFormat& rugd_format();
const DatasetFormat& goose_format();
const DatasetFormat& wildscenes_format();
const DatasetFormat& camvid_format();
const DatasetFormat& cityscapes_format();
const DatasetFormat& coco_instances_format();
const DatasetFormat& coco_panoptic_format();
const DatasetFormat& semantickitti_format();

}  // namespace bramble
