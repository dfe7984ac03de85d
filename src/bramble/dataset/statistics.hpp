#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/dataset/dataset.hpp"

namespace bramble {

struct ClassStatistics {
  std::uint64_t pixels = 0;
  std::uint64_t samples = 0;  ///< that hold at least one pixel of it
};

/// Figures of a data set. Sums are integers, so they do not depend on the number of threads.
struct DatasetStatistics {
  std::uint64_t samples = 0;
  std::uint64_t label_pixels = 0;  ///< all, ignored ones included; of point clouds, the points that carry a label
  std::uint64_t points = 0;        ///< of samples that are point clouds
  std::uint64_t ignored_pixels = 0;
  std::vector<ClassStatistics> classes;                ///< by class id
  std::map<std::pair<int, int>, std::uint64_t> sizes;  ///< (width, height) -> samples
  std::map<std::string, std::uint64_t> splits;         ///< split -> samples
  std::array<double, 3> mean{}, stddev{};              ///< of R, G, B on 0…1 over every pixel
  StampNs first_ns = 0, last_ns = 0;
  /// Share of a class in the pixels that carry one, 0…1; 0 when none does.
  double share(ClassId id) const;
};

/// Reads every sample. Throws Error as load_image and load_label do, and when the sizes of a pair differ.
DatasetStatistics dataset_statistics(const Dataset& dataset);

/// Reads every sample and lists what is wrong with it, a line each, in order of the index: pictures that cannot be
/// read, pairs of different sizes, ids that the ontology lacks, files in images/ and labels/ that no sample names.
/// Empty: all is well.
std::vector<std::string> check_dataset(const Dataset& dataset);

struct SheetOptions {
  int samples = 12;      ///< at most this many, spread evenly over the index
  int columns = 2;       ///< pairs side by side
  int pair_width = 640;  ///< pixels of picture and label together
};

/// Contact sheet: pairs picture | label in the ontology's colours, row by row, on a dark ground [H, W, 3]. `shown` gets
/// the indices in that order.
ImageU8 contact_sheet(const Dataset& dataset, const SheetOptions& options, std::vector<std::size_t>& shown);

}  // namespace bramble
