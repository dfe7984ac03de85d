#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bramble {

/// What was found wrong in a data set, counted by kind; the first ones by name. Not thread-safe.
class Problems {
 public:
  /// strict: the first problem is thrown as an Error.
  explicit Problems(bool strict = false) : strict_(strict) {}
  /// `text` names the file and the reason.
  void add(const std::string& kind, const std::string& text);
  void merge(const Problems& other);

  bool empty() const { return counts_.empty(); }
  std::uint64_t total() const;
  std::uint64_t count(const std::string& kind) const;
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  /// At most 20, in the order in which they came.
  const std::vector<std::string>& first() const { return first_; }

 private:
  bool strict_;
  std::map<std::string, std::uint64_t> counts_;
  std::vector<std::string> first_;
};

}  // namespace bramble
