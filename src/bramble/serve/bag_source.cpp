#include "bramble/serve/bag_source.hpp"

#include <algorithm>
#include <cmath>

namespace bramble {
namespace {

constexpr const char* kPosition = "/bramble/position_s";

}  // namespace

BagSource::BagSource(const std::filesystem::path& bag, bool loop)
    : bag_(bag), loop_(loop), position_ns_(bag_.metadata().start_ns) {
  next_ = bag_.next();
}

std::string BagSource::name() const { return bag_.path().filename().string(); }

std::optional<StampNs> BagSource::next_stamp() {
  if (!next_ && loop_) {
    bag_.seek(bag_.metadata().start_ns);
    next_ = bag_.next();
    observer_.restart();
  }
  if (!next_) return std::nullopt;
  return next_->stamp_ns;
}

void BagSource::take(const Deliver& deliver, SensorWork work) {
  if (!next_) return;
  position_ns_ = next_->stamp_ns;
  while (next_ && next_->stamp_ns == position_ns_) {
    observer_.take(*next_);
    if (work != SensorWork::kNone || !is_heavy_type(next_->topic.type)) deliver(*next_);
    next_ = bag_.next();
  }
}

double BagSource::position_s() const { return seconds(position_ns_ - bag_.metadata().start_ns); }

void BagSource::describe(nlohmann::ordered_json& status) const {
  observer_.describe(status);
  status["stamp_s"] = seconds(position_ns_);
  status["bag"] = {{"position_s", position_s()}, {"duration_s", duration_s()}, {"name", name()}};
}

std::vector<LiveParameter> BagSource::parameters() const { return {{kPosition, position_s()}}; }

void BagSource::set(const std::string& name, const nlohmann::json& value) {
  if (name != kPosition) LiveSource::set(name, value);
  const double position_s = number_within(name, value, 0, duration_s());
  position_ns_ = std::min(bag_.metadata().start_ns + static_cast<StampNs>(std::llround(position_s * 1e9)),
                          moment_after(bag_.metadata().start_ns, bag_.metadata().duration_ns));
  bag_.seek(position_ns_);
  next_ = bag_.next();
  observer_.restart();
}

}  // namespace bramble
