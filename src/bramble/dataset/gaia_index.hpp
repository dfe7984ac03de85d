#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace bramble {

struct GaiaRow {
  std::string name;
  std::string image;  ///< or the point cloud
  std::string label;
  std::string split;
};

/// Writes dataset.parquet as PerceptionMetrics' GAIA reader wants it: string columns image (or points), label, split
/// and the sample names as pandas index (`__index_level_0__` and the schema's `pandas` metadata with the ontology's
/// file name). Rows are written in groups of 65536, so memory does not grow with their number; the file is renamed into
/// its place by finish().
class GaiaIndexWriter {
 public:
  /// `first_column`: image or points.
  explicit GaiaIndexWriter(std::filesystem::path file, std::string first_column = "image");
  ~GaiaIndexWriter();
  void add(const GaiaRow& row);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What dataset.parquet says besides its rows.
struct GaiaHeader {
  std::string ontology_file = "ontology.json";
  bool points = false;  ///< the rows name point clouds
};
/// Gives every row to `take`, a group at a time in memory. A missing label is empty, a missing split «train», a missing
/// index the row's number. Throws Error naming the file when it is no Parquet or lacks a column.
GaiaHeader read_gaia_index(const std::filesystem::path& file, const std::function<void(const GaiaRow&)>& take);

}  // namespace bramble
