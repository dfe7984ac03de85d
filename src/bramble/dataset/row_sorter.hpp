#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace bramble {

/// Sorts any number of text rows by key with bounded memory: full buffers are sorted and spilled beside the data set,
/// and merged at the end. The result does not depend on the order in which rows came.
class RowSorter {
 public:
  /// Spills go to `folder`/.NAME-N, made when needed and removed at the end. A row holds no newline.
  explicit RowSorter(std::filesystem::path folder, std::size_t rows_in_memory = 1 << 16, std::string name = "rows");
  ~RowSorter();
  RowSorter(const RowSorter&) = delete;
  RowSorter& operator=(const RowSorter&) = delete;

  /// Thread-safe. `key` orders the rows as bytes; it holds neither newline nor byte 1.
  void add(const std::string& key, const std::string& row);
  std::size_t size() const;
  /// Every row in order of key, then row. May be called again.
  void merge(const std::function<void(const std::string& row)>& take) const;
  /// A stamp as bytes whose order is that of the numbers.
  static std::string key_of(std::int64_t stamp_ns);

 private:
  void spill();
  std::filesystem::path folder_;
  std::size_t most_;
  std::string name_;
  mutable std::mutex mutex_;
  mutable std::vector<std::string> rows_;  // key \1 row
  std::vector<std::filesystem::path> runs_;
  std::size_t count_ = 0;
};

/// A text file that is written line by line and gets its name at the end, so that a reader sees none or the whole one.
class LineFile {
 public:
  explicit LineFile(std::filesystem::path file)
      : file_(std::move(file)), beside_(file_.string() + ".partial"), out_(beside_) {}
  void line(const std::string& text) { out_ << text << '\n'; }
  /// Throws Error naming the file when the disk is full.
  void finish();

 private:
  std::filesystem::path file_, beside_;
  std::ofstream out_;
};

}  // namespace bramble
