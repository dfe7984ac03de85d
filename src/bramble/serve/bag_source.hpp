#pragma once
#include <filesystem>
#include <memory>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/serve/live_source.hpp"
#include "bramble/serve/vehicle_observer.hpp"

namespace bramble {

/// A bag that plays, with a place to jump to (/bramble/position_s).
class BagSource final : public LiveSource {
 public:
  /// Throws Error when the place is no bag. `loop`: begins again at the end.
  explicit BagSource(const std::filesystem::path& bag, bool loop = false);

  std::string kind() const override { return "bag"; }
  std::string name() const override;
  std::vector<TopicInfo> topics() const override { return bag_.topics(); }
  std::optional<StampNs> next_stamp() override;
  /// All messages of the next stamp.
  void take(const Deliver& deliver, SensorWork work) override;
  void describe(nlohmann::ordered_json& status) const override;
  std::optional<nav_msgs::Path> new_path() override { return observer_.new_trail(); }
  std::vector<LiveParameter> parameters() const override;
  void set(const std::string& name, const nlohmann::json& value) override;

 private:
  double position_s() const;
  double duration_s() const { return seconds(bag_.metadata().duration_ns); }
  BagReader bag_;
  bool loop_;
  std::optional<Message> next_;
  StampNs position_ns_;
  VehicleObserver observer_;
};

}  // namespace bramble
