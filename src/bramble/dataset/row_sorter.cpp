#include "bramble/dataset/row_sorter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <queue>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {
constexpr char kSeparator = '\1';
}

RowSorter::RowSorter(fs::path folder, std::size_t rows_in_memory, std::string name)
    : folder_(std::move(folder)), most_(std::max<std::size_t>(1, rows_in_memory)), name_(std::move(name)) {
  std::error_code error;  // what a killed run left
  for (const auto& entry : fs::directory_iterator(folder_, error))
    if (entry.path().filename().string().starts_with("." + name_ + "-")) fs::remove(entry.path(), error);
}

RowSorter::~RowSorter() {
  std::error_code error;
  for (const auto& run : runs_) fs::remove(run, error);
}

void RowSorter::add(const std::string& key, const std::string& row) {
  const std::lock_guard lock(mutex_);
  rows_.push_back(key + kSeparator + row);
  ++count_;
  if (rows_.size() >= most_) spill();
}

std::size_t RowSorter::size() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void RowSorter::spill() {
  std::sort(rows_.begin(), rows_.end());
  std::string text;
  for (const auto& row : rows_) text += row + '\n';
  runs_.push_back(folder_ / fmt::format(".{}-{}", name_, runs_.size()));
  write_file_atomically(runs_.back(), text);
  rows_.clear();
}

void RowSorter::merge(const std::function<void(const std::string& row)>& take) const {
  const std::lock_guard lock(mutex_);
  std::sort(rows_.begin(), rows_.end());
  struct Run {
    std::ifstream file;
    const std::vector<std::string>* memory = nullptr;
    std::size_t next = 0;
    std::string row;
    bool advance() {
      if (!memory) return static_cast<bool>(std::getline(file, row));
      if (next == memory->size()) return false;
      row = (*memory)[next++];
      return true;
    }
  };
  std::vector<std::unique_ptr<Run>> runs;
  for (const auto& path : runs_) {
    runs.push_back(std::make_unique<Run>());
    runs.back()->file.open(path);
    if (!runs.back()->file) fail("{} is gone; it holds a part of the index", path.string());
  }
  runs.push_back(std::make_unique<Run>());
  runs.back()->memory = &rows_;
  const auto later = [](const Run* a, const Run* b) { return a->row > b->row; };
  std::priority_queue<Run*, std::vector<Run*>, decltype(later)> heads(later);
  for (const auto& run : runs)
    if (run->advance()) heads.push(run.get());
  while (!heads.empty()) {
    Run* run = heads.top();
    heads.pop();
    take(run->row.substr(run->row.find(kSeparator) + 1));
    if (run->advance()) heads.push(run);
  }
}

std::string RowSorter::key_of(std::int64_t stamp_ns) {
  return fmt::format("{:020}", static_cast<std::uint64_t>(stamp_ns) + (std::uint64_t{1} << 63));
}

void LineFile::finish() {
  out_.close();
  std::error_code error;
  if (out_) fs::rename(beside_, file_, error);
  if (!out_ || error) fail("cannot write {}: {}", file_.string(), error ? error.message() : "is the disk full?");
}

}  // namespace bramble
