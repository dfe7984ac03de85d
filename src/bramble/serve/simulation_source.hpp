#pragma once
#include <atomic>
#include <memory>

#include "bramble/serve/live_source.hpp"
#include "bramble/sim/simulation.hpp"

namespace bramble {

/// A simulation to be looked at and steered while it runs: drivers, weather and the sun's height can be changed,
/// unwanted sensors are not rendered.
class SimulationSource final : public LiveSource {
 public:
  /// `manual`: what the simulation's driver `manual` was given, null if nobody may drive. `quality`: that of the RGB
  /// cameras, to be told («standard»; empty: the rig's).
  SimulationSource(std::unique_ptr<Simulation> simulation, std::shared_ptr<ManualControl> manual,
                   std::string quality = {}, std::string weather = {});
  const Simulation& simulation() const { return *simulation_; }

  std::string kind() const override { return "sim"; }
  std::string name() const override { return simulation_->world().name; }
  std::vector<TopicInfo> topics() const override { return simulation_->topics(); }
  void want(const std::set<std::string>& topics, const std::set<std::string>& first) override;
  std::optional<StampNs> next_stamp() override;
  void take(const Deliver& deliver, SensorWork work) override;
  bool can_take_turns() const override { return true; }
  std::vector<std::string> lower_qualities() const override;
  void lower_quality(std::size_t steps) override;
  void describe(nlohmann::ordered_json& status) const override;
  std::vector<std::pair<std::string, double>> timings() const override;
  std::optional<nav_msgs::Path> new_path() override;
  std::vector<LiveParameter> parameters() const override;
  void set(const std::string& name, const nlohmann::json& value) override;
  std::string control_topic() const override;
  bool drive(const DriveWish& wish) override;

 private:
  std::unique_ptr<Simulation> simulation_;
  std::shared_ptr<ManualControl> manual_;
  std::string quality_, weather_;
  std::vector<std::string> drivers_, weathers_;
  std::set<std::string> wanted_, first_;
  std::size_t turn_ = 0;
  std::size_t quality_steps_ = 0;
  bool path_sent_ = false;
  std::atomic<bool> manual_drives_ = false;
};

}  // namespace bramble
