#include "bramble/serve/simulation_source.hpp"

#include <algorithm>
#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/world/weather.hpp"

namespace bramble {
namespace {

constexpr const char* kDriver = "/bramble/driver";
constexpr const char* kWeather = "/bramble/weather";
constexpr const char* kSun = "/bramble/sun_elevation_deg";
constexpr std::size_t kMostPathPoints = 4000;

}  // namespace

SimulationSource::SimulationSource(std::unique_ptr<Simulation> simulation, std::shared_ptr<ManualControl> manual,
                                   std::string quality, std::string weather)
    : simulation_(std::move(simulation)),
      manual_(std::move(manual)),
      quality_(std::move(quality)),
      weather_(std::move(weather)),
      drivers_(driver_names()),
      weathers_(weather_names()) {
  if (!manual_) std::erase(drivers_, "manual");
  if (std::find(drivers_.begin(), drivers_.end(), simulation_->driver()) == drivers_.end())
    drivers_.push_back(simulation_->driver());  // a trace: it can be left, not returned to
  manual_drives_ = simulation_->driver() == "manual";
  simulation_->prepare();
}

void SimulationSource::want(const std::set<std::string>& topics, const std::set<std::string>& first) {
  first_ = first;
  if (topics == wanted_ || topics.empty()) return;
  wanted_ = topics;
  simulation_->choose_topics({topics.begin(), topics.end()});
}

std::optional<StampNs> SimulationSource::next_stamp() {
  const SimFrame& frame = simulation_->frame();
  const std::int64_t frames = simulation_->frame_count();
  if (frames > 0 && frame.index + 1 >= frames) return std::nullopt;
  return frame.index < 0 ? kNsPerSecond : frame.stamp_ns + kNsPerSecond / 20;
}

void SimulationSource::take(const Deliver& deliver, SensorWork work) {
  std::vector<bool> held(simulation_->rig().sensors.size(), work != SensorWork::kAll);
  if (work == SensorWork::kInTurn) {
    std::set<std::size_t> first;
    for (const std::string& topic : first_) {
      const auto sensors = simulation_->sensors_of(topic);
      first.insert(sensors.begin(), sensors.end());
    }
    std::vector<std::vector<std::size_t>> others;
    for (const auto& group : simulation_->needed_groups()) {
      const bool matters = std::any_of(group.begin(), group.end(), [&](std::size_t i) { return first.contains(i); });
      if (!matters) others.push_back(group);
      if (matters)
        for (const std::size_t i : group) held[i] = false;
    }
    if (!others.empty())
      for (const std::size_t i : others[turn_++ % others.size()]) held[i] = false;
  }
  simulation_->hold_sensors(std::move(held));
  if (!simulation_->advance()) return;
  while (const auto message = simulation_->next_of_frame()) deliver(*message);
}

std::vector<std::string> SimulationSource::lower_qualities() const {
  std::vector<std::string> lower = {"preview", "draft"};
  const auto own = std::find(lower.begin(), lower.end(), quality_);
  if (own != lower.end()) lower.erase(lower.begin(), own + 1);
  return lower;
}

void SimulationSource::lower_quality(std::size_t steps) {
  if (std::exchange(quality_steps_, steps) == steps) return;
  simulation_->choose_quality(steps > 0 ? lower_qualities()[steps - 1] : "");
}

void SimulationSource::describe(nlohmann::ordered_json& status) const {
  const SimFrame& frame = simulation_->frame();
  if (frame.index >= 0) {  // else there is none yet
    status["frame"] = frame.index;
    status["stamp_s"] = seconds(frame.stamp_ns);
    status["speed_mps"] = frame.state.speed_mps();
    status["x_m"] = frame.state.X_MB.translation().x();
    status["y_m"] = frame.state.X_MB.translation().y();
    status["yaw_rad"] = rpy_of(frame.state.X_MB.linear()).z();
  }
  status["driver"] = simulation_->driver();
  status["weather"] = weather_;
  status["sun_elevation_deg"] = simulation_->sky().sun_elevation_deg;
  status["quality"] = quality_steps_ > 0 ? lower_qualities()[quality_steps_ - 1] : quality_;
}

std::vector<std::pair<std::string, double>> SimulationSource::timings() const {
  const FrameTimes& times = simulation_->frame_times();
  return {{"drive", times.drive_ms}, {"cameras", times.cameras_ms}, {"lidars", times.lidars_ms}};
}

std::optional<nav_msgs::Path> SimulationSource::new_path() {
  if (std::exchange(path_sent_, true)) return std::nullopt;
  nav_msgs::Path path;
  path.header.frame_id = "map";
  const auto& points = simulation_->world().path.points;
  const std::size_t every = points.size() / kMostPathPoints + 1;
  const auto add = [&](const Eigen::Vector3d& point) {
    auto& pose = path.poses.emplace_back();
    pose.header.frame_id = "map";
    pose.pose.position.x = point.x();
    pose.pose.position.y = point.y();
    pose.pose.position.z = point.z();
    pose.pose.orientation.w = 1;
  };
  for (std::size_t i = 0; i < points.size(); i += every) add(points[i]);
  if (!points.empty() && simulation_->world().path.closed) add(points.front());
  return path;
}

std::vector<LiveParameter> SimulationSource::parameters() const {
  return {{kDriver, simulation_->driver()},
          {"/bramble/drivers", drivers_, false},
          {kWeather, weather_},
          {"/bramble/weathers", weathers_, false},
          {kSun, simulation_->sky().sun_elevation_deg}};
}

void SimulationSource::set(const std::string& name, const nlohmann::json& value) {
  if (name == kDriver) {
    const std::string driver = one_of(name, value, drivers_);
    simulation_->choose_driver(driver);
    manual_drives_ = driver == "manual";
    return;
  }
  SkyScenario sky = simulation_->sky();
  if (name == kWeather) {
    const std::string weather = one_of(name, value, weathers_);
    set_weather(weather, sky);
    weather_ = weather;
  } else if (name == kSun) {
    sky.sun_elevation_deg = number_within(name, value, -20, 90);
  } else {
    LiveSource::set(name, value);
  }
  simulation_->set_sky(sky);
}

std::string SimulationSource::control_topic() const {
  return manual_ ? "/carla/" + simulation_->rig().role_name + "/vehicle_control_cmd" : "";
}

bool SimulationSource::drive(const DriveWish& wish) {
  if (!manual_) return false;
  manual_->wish(wish);
  return manual_drives_;
}

}  // namespace bramble
