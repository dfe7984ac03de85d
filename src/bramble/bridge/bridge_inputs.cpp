#include "bramble/bridge/bridge_inputs.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "bramble/bridge/scene_services.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"

namespace bramble {
namespace {

// NaN counts as nothing.
double within(double value, double least, double most) {
  return std::isnan(value) ? std::clamp(0.0, least, most) : std::clamp(value, least, most);
}
double finite(double value) { return std::isfinite(value) ? value : 0.0; }

constexpr double kHazeOfClearAirM = 900;
constexpr int kMostAtOnce = 2000;    // messages taken between two frames
constexpr double kDensestFogM = 15;  // of visibility at a density of 100

}  // namespace

VehicleControl control_of(const carla_msgs::CarlaEgoVehicleControl& message) {
  VehicleControl control;
  control.throttle = within(message.throttle, 0, 1);
  control.steer = within(message.steer, -1, 1);
  control.brake = within(message.brake, 0, 1);
  control.hand_brake = message.hand_brake;
  control.reverse = message.reverse || (message.manual_gear_shift && message.gear < 0);
  return control;
}

AckermannWish wish_of(const ackermann_msgs::AckermannDrive& message) {
  return {finite(message.speed), finite(message.steering_angle)};
}

TwistWish wish_of(const geometry_msgs::Twist& message) { return {finite(message.linear.x), finite(message.angular.z)}; }

SkyScenario sky_of(const carla_msgs::CarlaWeatherParameters& message, const SkyScenario& before) {
  const auto share = [](double percent) { return within(percent, 0, 100) / 100; };
  SkyScenario sky = before;
  sky.cloud_cover = share(message.cloudiness);
  sky.rain = share(message.precipitation);
  // CARLA knows wet surfaces and puddles apart; here the ground has one wetness.
  sky.wetness = std::max(share(message.wetness), share(message.precipitation_deposits));
  const double fog = share(message.fog_density);
  // Visibility falls by the same factor for each percent, from clear air to a few metres.
  sky.fog_visibility_m = fog > 0 ? kHazeOfClearAirM * std::pow(kDensestFogM / kHazeOfClearAirM, fog) : 0;
  // Clockwise from north there, counter-clockwise from east here.
  sky.sun_azimuth_deg = std::fmod(std::fmod(90 - finite(message.sun_azimuth_angle), 360) + 360, 360);
  sky.sun_elevation_deg = within(message.sun_altitude_angle, -90, 90);
  return sky;
}

struct BridgeInputs::Impl {
  RosNode& node;
  ManualControl& controls;
  Simulation& simulation;
  SceneServices services;
  std::map<std::string, std::function<void(const Message&)>> topics;
  std::set<std::string> warned;
  std::optional<carla_msgs::CarlaWeatherParameters> weather;
  bool overridden = false, paused = false, step = false, said_paused = false;

  template <typename T, typename Take>
  void listen(const std::string& topic, bool latched, const Take& take) {
    topics[topic] = [take](const Message& message) { take(deserialize<T>(*message.cdr)); };
    node.subscribe({topic, std::string(T::kType), latched});
  }

  void listen_to_all() {
    using carla_msgs::CarlaControl;
    using carla_msgs::CarlaEgoVehicleControl;
    const std::string prefix = "/carla/" + simulation.rig().role_name;
    listen<CarlaEgoVehicleControl>(prefix + "/vehicle_control_cmd", false, [this](const auto& message) {
      if (!overridden) controls.wish(control_of(message));
    });
    listen<CarlaEgoVehicleControl>(prefix + "/vehicle_control_cmd_manual", false, [this](const auto& message) {
      if (overridden) controls.wish(control_of(message));
    });
    listen<std_msgs::Bool>(prefix + "/vehicle_control_manual_override", true,
                           [this](const auto& message) { overridden = message.data; });
    listen<std_msgs::Bool>(prefix + "/enable_autopilot", false, [this](const auto& message) {
      simulation.choose_driver(message.data ? "autopilot" : "manual");
    });
    listen<ackermann_msgs::AckermannDrive>(prefix + "/ackermann_cmd", false,
                                           [this](const auto& message) { controls.wish(wish_of(message)); });
    for (const char* name : {"/twist", "/cmd_vel"})
      listen<geometry_msgs::Twist>(prefix + name, false,
                                   [this](const auto& message) { controls.wish(wish_of(message)); });
    listen<carla_msgs::CarlaWeatherParameters>("/carla/weather_control", false,
                                               [this](const auto& message) { weather = message; });
    listen<CarlaControl>("/carla/control", false, [this](const auto& message) {
      if (message.command == CarlaControl::PLAY) paused = false;
      if (message.command == CarlaControl::PAUSE) paused = true;
      if (message.command == CarlaControl::STEP_ONCE) paused = step = true;
    });
  }

  void handle(const Message& message) {
    const auto found = topics.find(message.topic.name);
    if (found == topics.end()) return;
    try {
      found->second(message);
    } catch (const Error& error) {
      if (warned.insert(message.topic.name).second) spdlog::warn("{}: {}", message.topic.name, error.what());
    }
  }

  // A new sky takes long to make: only the newest weather counts, and only when it is another one.
  void change_weather() {
    if (!weather) return;
    const SkyScenario sky = sky_of(*weather, simulation.sky());
    weather.reset();
    if (!(sky == simulation.sky())) simulation.set_sky(sky);
  }

  // What runs says so itself, with every frame.
  void say_paused() {
    carla_msgs::CarlaStatus status;
    status.frame = static_cast<std::uint64_t>(std::max<std::int64_t>(simulation.frame().index, 0));
    status.fixed_delta_seconds = static_cast<float>(kFrameS);
    status.synchronous_mode = true;
    status.synchronous_mode_running = false;
    node.publish({{"/carla/status", std::string(carla_msgs::CarlaStatus::kType), false},
                  simulation.frame().stamp_ns,
                  std::make_shared<const std::vector<std::uint8_t>>(serialize(status))});
  }
};

BridgeInputs::BridgeInputs(RosNode& node, ManualControl& controls, Simulation& simulation)
    : impl_(new Impl{node, controls, simulation, SceneServices(node, simulation), {}, {}, {}}) {
  impl_->listen_to_all();
}
BridgeInputs::~BridgeInputs() = default;

bool BridgeInputs::take(const std::function<bool()>& gone) {
  using std::chrono::milliseconds;
  // Not for ever, however much comes.
  for (int i = 0; i < kMostAtOnce; ++i) {
    const auto message = impl_->node.next(milliseconds(0));
    if (!message) break;
    impl_->handle(*message);
  }
  impl_->services.answer();
  bool waited = false;
  while (impl_->paused && !impl_->step && !gone()) {
    if (!std::exchange(waited, true)) impl_->say_paused();
    if (const auto message = impl_->node.next(milliseconds(50))) impl_->handle(*message);
    impl_->services.answer();
  }
  impl_->step = false;
  impl_->change_weather();
  return waited;
}

}  // namespace bramble
