#include "bramble/eval/boundary.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"

namespace bramble {

namespace {

struct Point {
  int u, v;
};

// Border pixels by class; `valid` says which pixels count.
std::vector<std::vector<Point>> borders(const ImageU8& ids, const ImageU8& label, std::size_t class_count) {
  std::vector<std::vector<Point>> points(class_count);
  for (int v = 0; v < ids.height; ++v)
    for (int u = 0; u < ids.width; ++u) {
      if (*label.at(u, v) == kIgnoreId) continue;
      const std::uint8_t id = *ids.at(u, v);
      const auto differs = [&](int x, int y) {
        return x >= 0 && y >= 0 && x < ids.width && y < ids.height && *label.at(x, y) != kIgnoreId &&
               *ids.at(x, y) != id;
      };
      if (id < class_count && (differs(u - 1, v) || differs(u + 1, v) || differs(u, v - 1) || differs(u, v + 1)))
        points[id].push_back({u, v});
    }
  return points;
}

}  // namespace

double BoundaryScore::tolerance(int width, int height) { return std::max(1.0, 0.0075 * std::hypot(width, height)); }

void BoundaryScore::add(const ImageU8& label, const ImageU8& estimate) {
  if (label.width != estimate.width || label.height != estimate.height)
    fail("boundary score: label is {}x{} and estimate {}x{}", label.width, label.height, estimate.width,
         estimate.height);
  const auto truth = borders(label, label, counts_.size()), guess = borders(estimate, label, counts_.size());
  const double radius = tolerance(label.width, label.height);
  std::vector<Point> disc;
  const int reach = static_cast<int>(radius);
  for (int dv = -reach; dv <= reach; ++dv)
    for (int du = -reach; du <= reach; ++du)
      if (du * du + dv * dv <= radius * radius) disc.push_back({du, dv});
  // How many of `points` lie on the other points grown by the disc.
  const auto met = [&](const std::vector<Point>& points, const std::vector<Point>& other) -> std::uint64_t {
    if (points.empty() || other.empty()) return 0;
    std::vector<std::uint8_t> grown(label.pixel_count());
    for (const Point& p : other)
      for (const Point& d : disc) {
        const int u = p.u + d.u, v = p.v + d.v;
        if (u >= 0 && v >= 0 && u < label.width && v < label.height)
          grown[static_cast<std::size_t>(v) * label.width + u] = 1;
      }
    return static_cast<std::uint64_t>(std::count_if(points.begin(), points.end(), [&](const Point& p) {
      return grown[static_cast<std::size_t>(p.v) * label.width + p.u] != 0;
    }));
  };
  for (std::size_t id = 0; id < counts_.size(); ++id) {
    counts_[id].truth += truth[id].size();
    counts_[id].estimate += guess[id].size();
    counts_[id].truth_met += met(truth[id], guess[id]);
    counts_[id].estimate_met += met(guess[id], truth[id]);
  }
}

void BoundaryScore::merge(const BoundaryScore& other) {
  for (std::size_t id = 0; id < counts_.size(); ++id) {
    counts_[id].truth += other.counts_[id].truth;
    counts_[id].truth_met += other.counts_[id].truth_met;
    counts_[id].estimate += other.counts_[id].estimate;
    counts_[id].estimate_met += other.counts_[id].estimate_met;
  }
}

std::optional<double> BoundaryScore::f1(ClassId id) const {
  if (id >= counts_.size()) return std::nullopt;
  const Counts& c = counts_[id];
  if (c.truth + c.estimate == 0) return std::nullopt;
  const auto ratio = [](std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  const double precision = ratio(c.estimate_met, c.estimate), recall = ratio(c.truth_met, c.truth);
  return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0.0;
}

std::optional<double> BoundaryScore::mean_f1() const {
  double sum = 0;
  int present = 0;
  for (std::size_t id = 0; id < counts_.size(); ++id)
    if (const auto value = f1(static_cast<ClassId>(id))) {
      sum += *value;
      ++present;
    }
  return present > 0 ? std::optional(sum / present) : std::nullopt;
}

}  // namespace bramble
