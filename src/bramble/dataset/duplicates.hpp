#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bramble/dataset/dataset.hpp"

namespace bramble {

/// Perceptual hash of a picture: whether each of 16 x 16 cells is brighter than its right neighbour (dHash, 256 bits).
/// Pictures that differ by compression, size or a little light have hashes that differ in a few bits.
using PictureHash = std::array<std::uint64_t, 4>;
PictureHash picture_hash(const ImageU8& rgb);
/// Number of bits that differ, 0 to 256.
int hash_distance(const PictureHash& a, const PictureHash& b);

struct DuplicateOptions {
  int most_bits = 10;  ///< pictures are near duplicates up to this distance
  std::size_t most_named = 50;
};

/// Two samples that show the same. Names are «split/name», with the folder before them when there are several data
/// sets.
struct DuplicatePair {
  std::string first, second;
  int distance = 0;
  bool same_pixels = false;
};
struct DuplicateReport {
  std::uint64_t pictures = 0;
  std::uint64_t same_within = 0;            ///< pairs of identical pictures within a split: wasted
  std::uint64_t same_across = 0;            ///< between splits: the test set has been learnt
  std::uint64_t near_across = 0;            ///< pairs within most_bits between splits, identical ones not counted
  std::vector<DuplicatePair> first_across;  ///< the nearest ones
};

/// Compares every picture of one split with every picture of the others (several data sets count as splits of their
/// own), and looks for identical ones within a split. Time grows with the square of the number of pictures: 10^5 take
/// some seconds.
DuplicateReport find_duplicates(const std::vector<Dataset>& datasets, const DuplicateOptions& options = {});

/// What differs between two data sets, sample by sample (by name).
struct DatasetDifference {
  std::uint64_t same = 0;
  std::vector<std::string> only_first, only_second;  ///< at most 50 each, counts below
  std::uint64_t only_first_count = 0, only_second_count = 0;
  struct Changed {
    std::string name, what;
  };
  std::vector<Changed> changed;  ///< at most 50
  std::uint64_t changed_images = 0, changed_labels = 0, changed_splits = 0;
  std::uint64_t label_pixels = 0, changed_label_pixels = 0;  ///< of samples with labels of equal size
  std::string ontology;                                      ///< what differs, or empty
};
DatasetDifference compare(const Dataset& first, const Dataset& second);

}  // namespace bramble
