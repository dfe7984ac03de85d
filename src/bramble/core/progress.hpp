#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace bramble {

/// One line on stderr that shows how far a long job is and how long it will still take. On a terminal the line is
/// redrawn; in a log it is printed at every tenth. Silent under -q. The wall clock is only shown, never used.
class Progress {
 public:
  /// total = 0: unknown, counts only.
  Progress(std::string title, std::uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Counts `step` more; `note` is shown at the end of the line (loss, frames per second, …).
  void advance(std::uint64_t step = 1, const std::string& note = {});
  /// Draws the last state and ends the line. Called by the destructor too.
  void finish(const std::string& note = {});

 private:
  void draw(bool last);
  std::string title_;
  std::string note_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::uint64_t printed_tenth_ = 0;
  bool finished_ = false;
  bool terminal_;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace bramble
