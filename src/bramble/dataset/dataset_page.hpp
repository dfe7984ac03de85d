#pragma once
#include <filesystem>

#include "bramble/dataset/dataset.hpp"
#include "bramble/dataset/statistics.hpp"

namespace bramble {

struct PageOptions {
  std::filesystem::path output;  ///< folder: index.html and thumbs/
  std::size_t samples = 300;     ///< at most this many are shown, spread over the data set
  int thumb_width = 320;
};

/// A page of its own that shows a data set without a server: shares of the classes, sizes and splits, and its samples
/// as picture, label or both, to filter by split and class. Opens from the disk in any browser.
void write_dataset_page(const Dataset& dataset, const DatasetStatistics& statistics, const PageOptions& options);

}  // namespace bramble
