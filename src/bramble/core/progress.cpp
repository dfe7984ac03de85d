#include "bramble/core/progress.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>

namespace bramble {
namespace {

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  return whole >= 3600 ? fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
                       : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(std::string title, std::uint64_t total)
    : title_(std::move(title)),
      total_(total),
      terminal_(::isatty(STDERR_FILENO) == 1),
      begin_(std::chrono::steady_clock::now()),
      drawn_(begin_) {
  if (terminal_) draw(false);
}

Progress::~Progress() { finish(); }

void Progress::advance(std::uint64_t step, const std::string& note) {
  done_ += step;
  if (!note.empty()) note_ = note;
  const auto now = std::chrono::steady_clock::now();
  if (terminal_) {
    if (now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    draw(false);
  } else if (total_ > 0 && done_ < total_ && done_ * 10 / total_ > printed_tenth_) {
    printed_tenth_ = done_ * 10 / total_;
    draw(false);
  }
}

void Progress::finish(const std::string& note) {
  if (finished_) return;
  finished_ = true;
  if (!note.empty()) note_ = note;
  draw(true);
}

void Progress::draw(bool last) {
  if (!spdlog::should_log(spdlog::level::info)) return;
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0;
  std::string line = fmt::format("{:<28}", title_);
  if (total_ > 0) {
    constexpr int kWidth = 24;
    const int filled = static_cast<int>(done_ * kWidth / total_);
    line += fmt::format(" [{}{}] {}/{}", std::string(filled, '#'), std::string(kWidth - filled, '.'), done_, total_);
  } else {
    line += fmt::format(" {}", done_);
  }
  line += fmt::format("  {:.1f}/s  {}", rate, clock_text(elapsed));
  if (!last && total_ > done_ && done_ > 0)
    line += fmt::format("  {} left", clock_text(static_cast<double>(total_ - done_) / rate));
  if (!note_.empty()) line += "  " + note_;
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[2K" : "", line, !terminal_ || last ? "\n" : "");
  std::fflush(stderr);
}

}  // namespace bramble
