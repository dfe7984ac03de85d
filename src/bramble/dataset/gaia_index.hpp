#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace bramble {

struct GaiaRow {
  std::string name;
  std::string image;
  std::string label;
  std::string split;
};

/// Writes dataset.parquet as PerceptionMetrics' GAIA reader wants it: string columns image, label, split and the sample
/// names as pandas index (`__index_level_0__` and the schema's `pandas` metadata with the ontology's file name).
void write_gaia_index(const std::filesystem::path& file, const std::vector<GaiaRow>& rows);

}  // namespace bramble
