#include "bramble/dataset/split_rule.hpp"

#include <cmath>
#include <cstdio>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"

namespace bramble {

SplitRule SplitRule::parse(const std::string& text, int gap) {
  SplitRule rule;
  rule.text_ = text;
  rule.gap_ = gap;
  if (gap < 0) fail("a gap of {} pictures is none", gap);
  if (text == "train" || text == "val" || text == "test") return rule;
  double train = 0, val = 0, test = 0;
  int used = 0;
  const auto whole = [&](int read, int wanted) { return read == wanted && used == static_cast<int>(text.size()); };
  if (whole(std::sscanf(text.c_str(), "bag:%lf/%lf/%lf%n", &train, &val, &test, &used), 3))
    rule.kind_ = Kind::kBag;
  else if (whole(std::sscanf(text.c_str(), "time:%lf/%lf/%lf%n", &train, &val, &test, &used), 3))
    rule.kind_ = Kind::kTime;
  else if (whole(std::sscanf(text.c_str(), "place:%lf:%lf/%lf/%lf%n", &rule.square_m_, &train, &val, &test, &used),
                 4) &&
           rule.square_m_ > 0)
    rule.kind_ = Kind::kPlace;
  else
    fail(
        "there is no split '{}'; splits: train, val, test, or a rule: bag:70/15/15, time:70/15/15, place:20:70/15/15 "
        "(squares of 20 m)",
        text);
  const double sum = train + val + test;
  if (!(train >= 0 && val >= 0 && test >= 0 && sum > 0)) fail("the shares of split '{}' must not be negative", text);
  rule.borders_ = {train / sum, (train + val) / sum};
  return rule;
}

std::string SplitRule::at(double share) const {
  return share < borders_[0] ? "train" : share < borders_[1] ? "val" : "test";
}

std::string SplitRule::of(const Frame& frame) const {
  switch (kind_) {
    case Kind::kAll:
      return text_;
    case Kind::kBag:
      return at(frame.bag_middle);
    case Kind::kTime: {
      const auto count = static_cast<double>(frame.count);
      for (const double border : borders_)
        if (border > 0 && border < 1 && gap_ > 0 &&
            std::abs(static_cast<double>(frame.number) + 0.5 - border * count) < gap_)
          return {};
      return at((static_cast<double>(frame.number) + 0.5) / count);
    }
    case Kind::kPlace:
      break;
  }
  const auto column = static_cast<std::int64_t>(std::floor(frame.x_m / square_m_));
  const auto row = static_cast<std::int64_t>(std::floor(frame.y_m / square_m_));
  Random random(20, static_cast<std::uint64_t>(column), static_cast<std::uint64_t>(row));
  return at(static_cast<double>(random.below(1'000'000)) / 1e6);
}

}  // namespace bramble
