#pragma once
#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>

#include "bramble/core/image.hpp"
#include "bramble/core/stamp.hpp"
#include "bramble/dataset/point_cloud.hpp"
#include "bramble/dataset/row_sorter.hpp"
#include "bramble/dataset/sample_index.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Writes a data set (layout: dataset.hpp). Samples are written as they come, from any thread; finish() writes the
/// index, so a data set without index.csv is one that was not finished. Memory does not grow with the number of
/// samples.
class DatasetWriter {
 public:
  /// Throws Error when the folder holds anything, unless `resume`: then samples that are already there are kept.
  /// With `shards` > 0, files lie in so many subfolders (images/007/NAME.png), by a hash of the name.
  DatasetWriter(const std::filesystem::path& folder, const Ontology& ontology, bool resume, int shards = 0);

  /// Where a file of a sample lies: kind is images, labels, depth, clouds or cloud_labels.
  std::filesystem::path file_of(const char* kind, const std::string& name) const;
  /// Whether picture and label of a sample are already there (whole: they are written atomically).
  bool has(const std::string& name) const;
  std::size_t size() const { return rows_.size(); }
  /// rgb [H, W, 3], label [H, W, 1]. Thread-safe.
  void add(const std::string& name, StampNs stamp_ns, const std::string& split, const ImageU8& rgb,
           const ImageU8& label);
  /// The same for a sample with more than a picture: name, stamp, split and scene are taken from `sample`, and depth,
  /// whose file the caller has written. Without picture (empty) it is a sample of a point cloud. Thread-safe.
  void add(Sample sample, const ImageU8& rgb, const ImageU8& label, const PointCloud* cloud = nullptr);
  /// Takes up a sample of an earlier run: counts its label without writing. False when it is not there or its label
  /// cannot be read: then add() it. Thread-safe.
  bool keep(Sample sample);
  /// Writes ontology.yaml, ontology.json, dataset.parquet and, last, index.csv; samples in order of split, stamp and
  /// name.
  void finish();
  /// Removes what the constructor made when no sample is in it, so that a job that failed early leaves no trace.
  void discard_if_empty();

 private:
  void count(const std::vector<std::uint8_t>& labels);
  void add_row(const Sample& sample);
  std::filesystem::path folder_;
  bool made_folder_ = false;
  Ontology ontology_;
  int shards_;
  RowSorter rows_;
  std::atomic<bool> more_columns_{false};
  std::atomic<bool> pictures_{false};
  std::mutex mutex_;
  std::array<std::uint64_t, 256> label_count_{};
};

}  // namespace bramble
