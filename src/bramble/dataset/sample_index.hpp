#pragma once
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bramble/core/stamp.hpp"

namespace bramble {

/// One sample, made at one stamp: a picture with its label, a point cloud with its label, or both. Paths are relative
/// to the data set's folder; what a sample does not have is empty.
struct Sample {
  std::string name;
  StampNs stamp_ns = 0;
  std::filesystem::path image;
  std::filesystem::path label;
  std::string split;                  ///< train, val or test
  std::string scene;                  ///< drive, sequence or camera it belongs to
  std::filesystem::path depth;        ///< PNG, 16 bits: metres * 256, 0: nothing measured
  std::filesystem::path cloud;        ///< float32 x, y, z, intensity (KITTI's .bin)
  std::filesystem::path cloud_label;  ///< uint32 a point (SemanticKITTI's .label)
};

/// Fields of one line of comma-separated values; a field in double quotes may hold commas and doubled quotes.
std::vector<std::string> split_csv(std::string_view line);
/// The line of these fields, quoted where needed.
std::string join_csv(const std::vector<std::string>& fields);

/// The samples of a data set, in order. Rows stay text, in the mapped file or in memory, and are parsed when asked for:
/// a million samples of an index file cost 8 MB. Copies share the rows. Reading is thread-safe.
class SampleIndex {
 public:
  /// Columns every index file begins with; any of scene, depth, cloud, cloud_label may follow.
  static constexpr std::string_view kHeading = "name,stamp_ns,image,label,split";

  /// An index in memory, for add().
  SampleIndex();
  /// Maps an index file. Throws Error with file and line when the heading or a row is malformed (columns, stamp, paths
  /// out of the data set) or a name stands twice.
  static SampleIndex open(const std::filesystem::path& file);
  void add(const Sample& sample);

  std::size_t size() const { return begin_.size(); }
  bool empty() const { return begin_.empty(); }
  Sample operator[](std::size_t i) const;
  /// Throws std::out_of_range.
  Sample at(std::size_t i) const;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Sample;
    using difference_type = std::ptrdiff_t;
    using pointer = const Sample*;
    using reference = Sample;
    Iterator(const SampleIndex* index, std::size_t i) : index_(index), i_(i) {}
    Sample operator*() const { return (*index_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(index_, i_++); }
    bool operator==(const Iterator& other) const { return i_ == other.i_; }

   private:
    const SampleIndex* index_;
    std::size_t i_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  struct Rows;
  std::string_view line(std::size_t i) const;
  std::shared_ptr<Rows> rows_;
  std::vector<std::size_t> begin_;  // of each row in the text
};

}  // namespace bramble
