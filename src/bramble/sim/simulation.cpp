#include "bramble/sim/simulation.hpp"

#include <algorithm>
#include <chrono>

#include "bramble/core/error.hpp"
#include "bramble/world/world_builder.hpp"

namespace bramble {

namespace {
const std::string kVariationTopic = "/bramble/variation";

// Type of a topic about the scene, and whether it is sent once for all.
std::pair<std::string_view, bool> scene_topic(SensorKind kind) {
  if (kind == SensorKind::kObjects) return {derived_object_msgs::ObjectArray::kType, false};
  if (kind == SensorKind::kMarkers) return {visualization_msgs::MarkerArray::kType, false};
  if (kind == SensorKind::kActorList) return {carla_msgs::CarlaActorList::kType, false};
  return {std_msgs::String::kType, true};
}

using WallClock = std::chrono::steady_clock;
double milliseconds_since(WallClock::time_point begin) {
  return std::chrono::duration<double, std::milli>(WallClock::now() - begin).count();
}
}  // namespace

Simulation::Simulation(std::shared_ptr<const World> world, const DriveScenario& drive, Rig rig, VehicleConfig vehicle,
                       SimulationOptions options, std::shared_ptr<const Renderer> renderer)
    : Simulation(std::move(world), nullptr, drive, std::move(rig), std::move(vehicle), std::move(options),
                 std::move(renderer)) {}

Simulation::Simulation(std::shared_ptr<StreamedWorld> world, const DriveScenario& drive, Rig rig, VehicleConfig vehicle,
                       SimulationOptions options, std::shared_ptr<const Renderer> renderer)
    : Simulation(std::shared_ptr<const World>(world, &world->world()), world, drive, std::move(rig), std::move(vehicle),
                 std::move(options), std::move(renderer)) {}

Simulation::Simulation(std::shared_ptr<const World> world, std::shared_ptr<StreamedWorld> streamed,
                       const DriveScenario& drive, Rig rig, VehicleConfig vehicle, SimulationOptions options,
                       std::shared_ptr<const Renderer> renderer)
    : world_(std::move(world)),
      streamed_(std::move(streamed)),
      rig_(std::move(rig)),
      speed_limit_mps_(drive.speed_limit_mps),
      vehicle_config_(std::make_unique<VehicleConfig>(std::move(vehicle))),
      options_(std::move(options)),
      renderer_(std::move(renderer)) {
  if (options_.seed == 0) options_.seed = world_->seed;
  rig_.resize_cameras(options_.width, options_.height);
  if (!options_.quality.empty()) rig_.set_quality(options_.quality);
  if (options_.camera.distortion != std::array<double, 5>{}) rig_.distort_cameras(options_.camera.distortion);
  list_publications();
  if (!options_.topic_pattern.empty()) {
    try {
      pattern_ = std::regex(options_.topic_pattern);
    } catch (const std::regex_error& error) {
      fail("'{}' is no regular expression for topics: {}", options_.topic_pattern, error.what());
    }
  }
  if (std::find(options_.topics.begin(), options_.topics.end(), kVariationTopic) == options_.topics.end())
    check_topics();
  choose_publications();
  plan_views();
  frame_.readings.resize(rig_.sensors.size());
  drifts_.resize(rig_.sensors.size());
  for (const Sensor& sensor : rig_.sensors) {
    const auto random = [&](const char* what) {
      return Random(options_.seed, stream_of(fmt::format("{} of {}", what, sensor.id)));
    };
    auto& [first, second] = wanders_.emplace_back();
    auto& encoder = encoders_.emplace_back();
    if (sensor.kind == SensorKind::kImu) {
      first = Wander(sensor.imu.accelerometer_bias_stddev, sensor.imu.bias_time_s, random("accelerometer bias"));
      second = Wander(sensor.imu.gyroscope_bias_stddev, sensor.imu.bias_time_s, random("gyroscope bias"));
    }
    if (sensor.kind == SensorKind::kGnss)
      first = Wander(sensor.gnss.drift_stddev_m, sensor.gnss.drift_time_s, random("position drift"));
    if (sensor.kind == SensorKind::kWheelEncoder)
      encoder.emplace(sensor.wheels, *vehicle_config_, random("wheel speeds"));
  }

  driver_options_.speed_limit_mps = drive.speed_limit_mps;
  driver_options_.start_s_m = drive.start_s_m + options_.start_s_m;
  driver_options_.seed = options_.seed;
  driver_options_.manual = options_.manual.get();
  driver_ = make_driver(options_.driver, *world_, *vehicle_config_, driver_options_);
  frames_ = driver_->frame_count();
  if (options_.frames > 0) {
    const std::int64_t wanted = options_.first_frame + options_.frames;
    if (frames_ > 0 && wanted > frames_)
      fail("{} ends after {} frames, but {} are wanted", options_.driver, frames_, wanted);
    frames_ = wanted;
  }
  const Pose start = driver_->start();
  move_world(start);
  vehicle_ = std::make_unique<Vehicle>(*world_, *vehicle_config_, start);
  trace_.scenario = world_->name;
  trace_.seed = world_->seed;
  trace_.driver = options_.driver;
  trace_.start_x_m = quantized(start.translation().x());
  trace_.start_y_m = quantized(start.translation().y());
  trace_.start_yaw_rad = quantized(rpy_of(start.linear()).z());
}

Simulation::~Simulation() = default;

bool Simulation::move_world(const Pose& X_MB) {
  return streamed_ && streamed_->move_to(X_MB.translation().x(), X_MB.translation().y());
}

void Simulation::choose_publications() {
  wanted_.clear();
  needed_.assign(rig_.sensors.size(), false);
  for (std::size_t i = 0; i < publications_.size(); ++i) {
    if (!wants(publications_[i].topic.name)) continue;
    wanted_.push_back(i);
    for (const std::size_t sensor : publications_[i].sensors) needed_[sensor] = true;
  }
}

void Simulation::vary(const Scenario& scenario, std::uint64_t seed) {
  sky_in_force_ = scenario.sky;
  if (scenario.variation.empty()) return check_topics();
  varied_ = scenario;
  variation_seed_ = seed;
  Publication p;
  p.topic = {kVariationTopic, std::string(std_msgs::String::kType), false};
  p.bytes = 128 + 64 * scenario.variation.size();
  p.due = [this] { return sensors_due(); };
  p.build = [this] {
    std_msgs::String text;
    text.data =
        nlohmann::ordered_json{{"frame", frame_.index}, {"seed", variation_seed_}, {"draws", to_json(draws_)}}.dump();
    return serialize(text);
  };
  // Before the sensors, so that who reads on knows what a picture was made with.
  const auto first_sensor = std::find_if(publications_.begin(), publications_.end(),
                                         [](const Publication& other) { return !other.sensors.empty(); });
  publications_.insert(first_sensor, std::move(p));
  check_topics();
  choose_publications();
}

void Simulation::populate(const std::vector<ActorScenario>& actors, const std::filesystem::path& home) {
  if (frame_.index >= 0) fail("actors cannot appear in the middle of a drive");
  traffic_ = std::make_unique<Traffic>(*world_, actors, home, road_user_of(vehicle_->state(), *vehicle_config_));
}

std::uint32_t Simulation::spawn(const ActorScenario& actor, const std::optional<GroundPlace>& place) {
  if (!traffic_) fail("nobody can appear in a drive that was made without traffic");
  return traffic_->spawn(actor, place, road_user_of(vehicle_->state(), *vehicle_config_));
}

bool Simulation::destroy(std::uint32_t id) { return traffic_ && traffic_->destroy(id); }

void Simulation::choose_driver(const std::string& spec) {
  if (spec == options_.driver) return;
  if (spec.starts_with("trace:")) fail("a trace starts at its own place: it cannot take over in the middle of a drive");
  // A driver that follows the path finds the vehicle on it by itself.
  driver_ = make_driver(spec, *world_, *vehicle_config_, driver_options_);
  options_.driver = spec;
  trace_.driver += ", " + spec;
}

void Simulation::set_sky(const SkyScenario& sky) {
  if (varied_)
    std::erase_if(varied_->variation, [](const VariationRule& rule) { return rule.parameter.starts_with("sky"); });
  sky_chosen_ = true;
  sky_in_force_ = sky;
  next_sky_ = make_sky(sky, world_->seed);
}

void Simulation::draw() {
  VariationDraws draws = draw_variation(*varied_, variation_seed_, static_cast<double>(frame_.index) * kFrameS);
  if (draws == draws_) return;
  draws_ = std::move(draws);
  const bool only_once = std::all_of(varied_->variation.begin(), varied_->variation.end(),
                                     [](const VariationRule& rule) { return rule.once(); });
  if (only_once) return;  // the world was made with them
  const Scenario now = with_draws(*varied_, draws_);
  options_.camera = now.camera;
  if (sky_chosen_ || now.sky == sky_in_force_) return;
  sky_in_force_ = now.sky;
  next_sky_ = make_sky(now.sky, now.seed);
}

std::vector<TopicInfo> Simulation::topics() const {
  std::vector<TopicInfo> result;
  for (const Publication& p : publications_) result.push_back(p.topic);
  return result;
}

bool Simulation::wants(const std::string& topic) const {
  if (pattern_ && std::regex_match(topic, *pattern_)) return true;
  return pattern_ && options_.topics.empty() ? false : topic_wanted(topic, options_.topics);
}

void Simulation::check_topics() const {
  const std::vector<TopicInfo> there = topics();
  require_topics(there, options_.topics, fmt::format("the simulation of '{}'", world_->name));
  if (!pattern_ || std::any_of(there.begin(), there.end(), [&](const auto& topic) { return wants(topic.name); }))
    return;
  std::vector<std::string> names;
  for (const TopicInfo& topic : there) names.push_back(topic.name);
  fail("no topic of the simulation matches '{}'; topics: {}", options_.topic_pattern, fmt::join(names, ", "));
}

std::size_t Simulation::sensor_index(const std::string& id) const {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < rig_.sensors.size(); ++i) {
    if (rig_.sensors[i].id == id) return i;
    ids.push_back(rig_.sensors[i].id);
  }
  fail("the vehicle carries no sensor '{}'; sensors: {}", id, fmt::join(ids, ", "));
}

std::uint64_t Simulation::bytes_per_frame() const {
  std::uint64_t sum = 0;
  for (const std::size_t i : wanted_) sum += publications_[i].bytes;
  return sum;
}

void Simulation::list_publications() {
  const std::string prefix = "/carla/" + rig_.role_name;
  const auto add = [&](std::string name, std::string_view type, auto build) -> Publication& {
    Publication p;
    p.topic = {std::move(name), std::string(type), false};
    p.build = [build] { return serialize(build()); };
    publications_.push_back(std::move(p));
    return publications_.back();
  };
  add("/clock", rosgraph_msgs::Clock::kType, [this] {
    rosgraph_msgs::Clock clock;
    clock.clock = to_ros_time(frame_.stamp_ns);
    return clock;
  });
  add("/carla/status", carla_msgs::CarlaStatus::kType, [this] {
    carla_msgs::CarlaStatus status;
    status.frame = static_cast<std::uint64_t>(frame_.index);
    status.fixed_delta_seconds = static_cast<float>(kFrameS);
    status.synchronous_mode = true;
    status.synchronous_mode_running = true;
    return status;
  });
  const bool with_vehicle =
      std::any_of(rig_.sensors.begin(), rig_.sensors.end(), [](const Sensor& s) { return s.kind == SensorKind::kTf; });
  add("/tf", tf2_msgs::TFMessage::kType, [this, with_vehicle] {
    return transforms(frame_.stamp_ns, rig_, frame_.state.X_MB, with_vehicle);
  }).bytes = 2048;
  list_scene();
  Publication& info = add(prefix + "/vehicle_info", carla_msgs::CarlaEgoVehicleInfo::kType,
                          [this] { return vehicle_info(rig_, *vehicle_config_); });
  info.once = true;
  info.topic.latched = true;
  add(prefix + "/vehicle_status", carla_msgs::CarlaEgoVehicleStatus::kType,
      [this] { return vehicle_status(frame_.stamp_ns, frame_.state, frame_.control); });
  for (std::size_t i = 0; i < rig_.sensors.size(); ++i) list_sensor(i);
}

std::vector<SceneActor> Simulation::actors() const {
  std::vector<SceneActor> result;
  SceneActor ego;
  ego.id = kEgoActorId;
  ego.type = rig_.vehicle_type;
  ego.role_name = rig_.role_name;
  ego.X_MA = frame_.state.X_MB;
  const VehicleConfig::Body& body = vehicle_config_->body;
  ego.size_m = {body.length_m, body.width_m, body.top_m};  // down to the ground, as a viewer sees it
  ego.centre_A = {body.centre_x_m, 0, 0.5 * body.top_m};
  ego.velocity_M = ego.X_MA.linear() * frame_.state.velocity_B;
  ego.angular_velocity_M = ego.X_MA.linear() * frame_.state.angular_velocity_B;
  result.push_back(ego);
  for (std::size_t i = 0; i < rig_.sensors.size(); ++i) {
    SceneActor sensor;
    sensor.id = kEgoActorId + 1 + static_cast<std::uint32_t>(i);
    sensor.parent_id = kEgoActorId;
    sensor.type = rig_.sensors[i].type;
    sensor.role_name = rig_.sensors[i].id;
    sensor.X_MA = ego.X_MA * rig_.sensors[i].X_BS;
    result.push_back(std::move(sensor));
  }
  for (const ActorState& other : frame_.actors) {
    SceneActor actor;
    actor.id = other.id;
    actor.type = blueprint_of(other.kind);
    actor.role_name = other.name;
    actor.X_MA = other.X_MA;
    actor.size_m = other.size_m;
    actor.centre_A = {0, 0, 0.5 * other.size_m.z()};
    actor.velocity_M = other.velocity_M;
    actor.angular_velocity_M = {0, 0, other.yaw_rate_radps};
    result.push_back(std::move(actor));
  }
  return result;
}

std::function<std::vector<std::uint8_t>()> Simulation::scene_message(SensorKind kind, bool without_ego) {
  switch (kind) {
    case SensorKind::kObjects:
      return [this, without_ego] {
        const auto left_out = without_ego ? std::optional<std::uint32_t>(kEgoActorId) : std::nullopt;
        return serialize(object_array(frame_.stamp_ns, actors(), left_out));
      };
    case SensorKind::kMarkers:
      return [this] { return serialize(box_markers(frame_.stamp_ns, actors())); };
    case SensorKind::kActorList:
      return [this] { return serialize(actor_list(actors())); };
    default:
      return [this] {
        std_msgs::String road;
        road.data = world_info(*world_, speed_limit_mps_).opendrive;
        return serialize(road);
      };
  }
}

// What is told of the scene as a whole.
void Simulation::list_scene() {
  const auto add = [&](std::string name, std::string_view type, bool once, auto build) {
    Publication p;
    p.topic = {std::move(name), std::string(type), once};
    p.once = once;
    p.bytes = 4096;
    p.build = build;
    publications_.push_back(std::move(p));
  };
  add("/carla/world_info", carla_msgs::CarlaWorldInfo::kType, true,
      [this] { return serialize(world_info(*world_, speed_limit_mps_)); });
  for (const SceneSensor& sensor : rig_.scene) {
    const auto [type, once] = scene_topic(sensor.kind);
    add("/carla/" + sensor.id, type, once, scene_message(sensor.kind, false));
  }
  add("/carla/" + rig_.role_name + "/waypoints", nav_msgs::Path::kType, true,
      [this] { return serialize(waypoints(frame_.stamp_ns, world_->path)); });
}

void Simulation::list_sensor(std::size_t index) {
  const Sensor& sensor = rig_.sensors[index];
  const std::string name = "/carla/" + rig_.role_name + "/" + sensor.id;
  const auto add = [&](std::string topic, std::string_view type, std::uint64_t bytes, auto build) -> Publication& {
    Publication p;
    p.topic = {std::move(topic), std::string(type), false};
    p.bytes = bytes + 256;
    p.build = build;
    publications_.push_back(std::move(p));
    return publications_.back();
  };
  const auto header = [this, index] {
    return make_header(frame_.stamp_ns, rig_.role_name + "/" + rig_.sensors[index].id);
  };
  const auto picture = [this, index]() -> const CameraFrame& { return *frame_.readings[index].camera; };
  const auto rendered = [index](Publication& p) { p.sensors = {index}; };
  const std::uint64_t pixels = std::uint64_t(sensor.camera.width) * sensor.camera.height;
  const std::uint64_t beams = std::uint64_t(sensor.lidar.channels) * sensor.lidar.columns;
  switch (sensor.kind) {
    case SensorKind::kRgb:
      rendered(add(name + "/image", sensor_msgs::Image::kType, 4 * pixels,
                   [=] { return rgb_message(header(), picture().bgra); }));
      break;
    case SensorKind::kDepth:
      rendered(add(name + "/image", sensor_msgs::Image::kType, 4 * pixels,
                   [=] { return float_message(header(), picture().depth_m); }));
      break;
    case SensorKind::kNormals:
      rendered(add(name + "/image", sensor_msgs::Image::kType, 12 * pixels,
                   [=] { return float_message(header(), picture().normal); }));
      break;
    case SensorKind::kOpticalFlow:
      rendered(add(name + "/image", sensor_msgs::Image::kType, 8 * pixels,
                   [=] { return float_message(header(), picture().flow); }));
      break;
    case SensorKind::kInstance:
      rendered(add(name + "/image", sensor_msgs::Image::kType, 4 * pixels, [=, this] {
        return instance_message(header(), picture(), world_->ontology, options_.semantic_encoding);
      }));
      break;
    case SensorKind::kPanoptic:
      rendered(add(name + "/image", sensor_msgs::Image::kType, 4 * pixels,
                   [=] { return panoptic_message(header(), picture()); }));
      break;
    case SensorKind::kDetections:
      rendered(add(name, vision_msgs::Detection2DArray::kType, 16384, [=, this] {
        return serialize(detections(header(), picture(), world_->ontology, rig_.sensors[index].min_pixels));
      }));
      break;
    case SensorKind::kCoverage:
      rendered(add(name + "/image", sensor_msgs::Image::kType, 4 * pixels * world_->ontology.size(),
                   [=] { return float_message(header(), picture().coverage); }));
      break;
    case SensorKind::kSemantic: {
      const std::uint64_t size = options_.semantic_encoding == SemanticEncoding::kCarla ? 4 : 1;
      rendered(add(name + "/image", sensor_msgs::Image::kType, size * pixels, [=, this] {
        return semantic_message(header(), picture().semantic, world_->ontology, options_.semantic_encoding);
      }));
      rendered(add("/segmentation/rgb" + name + "/image", sensor_msgs::Image::kType, 3 * pixels,
                   [=, this] { return color_mask_message(header(), picture().semantic, world_->ontology); }));
      break;
    }
    case SensorKind::kLidar:
      rendered(add(name, sensor_msgs::PointCloud2::kType, (sensor.ring_and_time ? 22 : 16) * beams, [=, this] {
        const auto& points = frame_.readings[index].points;
        if (rig_.sensors[index].ring_and_time)
          return serialize(timed_lidar_cloud(header(), points, rig_.sensors[index].lidar.scan_s), 22 * points.size());
        return serialize(lidar_cloud(header(), points), 16 * points.size());
      }));
      break;
    case SensorKind::kSemanticLidar:
      rendered(add(name, sensor_msgs::PointCloud2::kType, 24 * beams, [=, this] {
        const auto& points = frame_.readings[index].points;
        return serialize(semantic_lidar_cloud(header(), points, world_->ontology, options_.semantic_encoding),
                         24 * points.size());
      }));
      break;
    case SensorKind::kImu:
      add(name, sensor_msgs::Imu::kType, 256, [=, this] {
        return serialize(imu(header(), rig_.sensors[index], frame_.state, drifts_[index], options_.seed, frame_.index));
      });
      break;
    case SensorKind::kGnss:
      add(name, sensor_msgs::NavSatFix::kType, 128, [=, this] {
        return serialize(
            gnss(header(), rig_.sensors[index], frame_.state, drifts_[index], options_.seed, frame_.index));
      });
      break;
    case SensorKind::kWheelEncoder:
      add(name, sensor_msgs::JointState::kType, 400,
          [=, this] { return serialize(joint_state(header(), *encoders_[index])); });
      add(name + "/odometry", nav_msgs::Odometry::kType, 720,
          [=, this] { return serialize(wheel_odometry(frame_.stamp_ns, rig_.role_name, *encoders_[index])); });
      break;
    case SensorKind::kCollision:
      add(name, carla_msgs::CarlaCollisionEvent::kType, 64, [=, this] {
        carla_msgs::CarlaCollisionEvent event;
        event.header = header();
        event.normal_impulse.x = frame_.state.collision_impulse_ns;
        return serialize(event);
      }).due = [this] { return frame_.state.collision_impulse_ns > 0; };
      break;
    case SensorKind::kOdometry:
      add(name, nav_msgs::Odometry::kType, 720,
          [this] { return serialize(odometry(frame_.stamp_ns, rig_.role_name, frame_.state)); });
      break;
    case SensorKind::kSpeedometer:
      add(name, std_msgs::Float32::kType, 8, [this] {
        std_msgs::Float32 speed;
        speed.data = static_cast<float>(frame_.state.speed_mps());
        return serialize(speed);
      });
      break;
    case SensorKind::kTf:
      break;
    case SensorKind::kObjects:
    case SensorKind::kMarkers:
    case SensorKind::kActorList:
    case SensorKind::kRoadMap: {
      const auto [type, once] = scene_topic(sensor.kind);
      Publication& p = add(name, type, 4096, scene_message(sensor.kind, sensor.kind == SensorKind::kObjects));
      p.once = p.topic.latched = once;
      break;
    }
  }
  if (sensor.is_camera())
    add(name + "/camera_info", sensor_msgs::CameraInfo::kType, 400,
        [=, this] { return serialize(camera_info(header(), rig_.sensors[index].camera)); });
}

void Simulation::plan_views() {
  for (std::size_t i = 0; i < rig_.sensors.size(); ++i) {
    const Sensor& sensor = rig_.sensors[i];
    if (!sensor.is_camera()) continue;
    const CameraModel& camera = sensor.camera;
    Pose X_BC = sensor.X_BS;
    X_BC.linear() = X_BC.linear() * R_body_optical();
    const bool rgb = sensor.kind == SensorKind::kRgb;
    auto view = std::find_if(views_.begin(), views_.end(), [&](const View& other) {
      return other.camera.same_rays(camera) && other.sees_vehicle == sensor.sees_vehicle &&
             other.X_BC.matrix() == X_BC.matrix() && !(rgb && other.has_rgb);
    });
    if (view == views_.end()) {
      view = views_.emplace(view);
      view->camera = camera;
      view->X_BC = X_BC;
      view->sees_vehicle = sensor.sees_vehicle;
    }
    view->sensors.push_back(i);
    view->coverage |= sensor.kind == SensorKind::kCoverage;
    view->normal |= sensor.kind == SensorKind::kNormals;
    view->flow |= sensor.kind == SensorKind::kOpticalFlow;
    view->camera.samples_per_axis = std::max(view->camera.samples_per_axis, camera.samples_per_axis);
    if (!rgb) continue;
    view->has_rgb = true;
    view->effects = sensor.effects;
    view->camera.traced_sky_light = camera.traced_sky_light;
  }
}

void Simulation::prepare() {
  if (!renderer_) renderer_ = std::make_shared<const Renderer>(*world_);
  if (!look_)
    look_ = std::make_unique<VehicleLook>(*vehicle_config_, world_->ontology.find("vehicle").value_or(kIgnoreId));
}

void Simulation::render(const std::vector<bool>& which) {
  for (SensorReading& reading : frame_.readings) {
    reading.camera = nullptr;
    reading.points.clear();
  }
  if (std::find(which.begin(), which.end(), true) == which.end()) return;
  prepare();
  renderer_->follow_world();
  if (next_sky_) renderer_->relight(*next_sky_);
  next_sky_.reset();
  const auto begin = WallClock::now();
  // Everybody else, and with the vehicle itself, for sensors that see it.
  std::vector<Actor> others;
  std::vector<Pose> others_before;
  if (traffic_) {
    traffic_->add_looks(others);
    traffic_->add_poses_before(others_before);
  }
  std::vector<Actor> all = others;
  for (Actor& part : look_->actors(frame_.state)) all.push_back(std::move(part));
  for (View& view : views_) {
    if (std::none_of(view.sensors.begin(), view.sensors.end(), [&](std::size_t i) { return which[i]; })) continue;
    FrameRequest request;
    request.normal = view.normal;
    request.coverage = view.coverage;
    request.flow = view.flow;
    request.frame_index = static_cast<std::uint64_t>(frame_.index);
    request.frame_s = kFrameS;
    request.X_MC_before = state_before_.X_MB * view.X_BC;
    request.X_MA_before = others_before;
    if (view.sees_vehicle)
      for (const Actor& actor : look_->actors(state_before_)) request.X_MA_before.push_back(actor.X_MA);
    if (view.has_rgb) request.effects = CameraEffects::of(options_.camera).with(view.effects);
    renderer_->render(view.camera, frame_.state.X_MB * view.X_BC, view.sees_vehicle ? all : others, view.frame,
                      request);
    for (const std::size_t i : view.sensors) frame_.readings[i].camera = &view.frame;
  }
  frame_times_.cameras_ms = milliseconds_since(begin);
  const auto begin_of_lidars = WallClock::now();
  for (std::size_t i = 0; i < rig_.sensors.size(); ++i) {
    const Sensor& sensor = rig_.sensors[i];
    if (!sensor.is_lidar() || !which[i]) continue;
    ScanRequest request;
    request.scan_index = static_cast<std::uint64_t>(frame_.index);
    request.sensor = i;
    if (sensor.motion_distortion) request.X_ML_before = state_before_.X_MB * sensor.X_BS;
    renderer_->scan(sensor.lidar, frame_.state.X_MB * sensor.X_BS, sensor.sees_vehicle ? all : others, request,
                    frame_.readings[i].points);
  }
  frame_times_.lidars_ms = milliseconds_since(begin_of_lidars);
}

void Simulation::render_cameras() {
  std::vector<bool> which = needed_;
  for (const View& view : views_)
    for (const std::size_t i : view.sensors) which[i] = true;
  render(which);
}

void Simulation::drift() {
  for (std::size_t i = 0; i < rig_.sensors.size(); ++i) {
    if (frame_.index > 0)
      for (Wander& wander : wanders_[i]) wander.step(kFrameS);
    drifts_[i] = {wanders_[i][0].value(), wanders_[i][1].value()};
    if (rig_.sensors[i].kind == SensorKind::kGnss) drifts_[i].first.z() *= kAltitudeDrift;
    if (encoders_[i]) encoders_[i]->step(frame_.state, kFrameS);
  }
}

bool Simulation::advance() {
  if (frames_ > 0 && frame_.index + 1 >= frames_) return false;
  const auto begin = WallClock::now();
  state_before_ = vehicle_->state();
  if (frame_.index >= 0) {
    if (traffic_) {  // everybody moves at the same time, by where the others were
      traffic_->step(kFrameS, road_user_of(state_before_, *vehicle_config_));
      vehicle_->meet(traffic_->bodies());
    }
    vehicle_->step(frame_.control, kFrameS);
  }
  if (move_world(vehicle_->state().X_MB)) vehicle_->follow_world();
  ++frame_.index;
  frame_.stamp_ns = options_.first_stamp_ns + frame_.index * static_cast<StampNs>(kNsPerSecond / 20);
  frame_.state = vehicle_->state();
  drift();
  if (traffic_) {
    frame_.actors = traffic_->actors();
    driver_->notice(traffic_->road_users());
  }
  frame_.control = quantized(driver_->drive(frame_.index, frame_.state));
  Trace::Row row;
  row.control = frame_.control;
  row.x_m = quantized(frame_.state.X_MB.translation().x());
  row.y_m = quantized(frame_.state.X_MB.translation().y());
  row.yaw_rad = quantized(rpy_of(frame_.state.X_MB.linear()).z());
  row.speed_mps = quantized(frame_.state.speed_mps());
  trace_.rows.push_back(row);
  if (varied_ && sensors_due()) draw();
  frame_times_ = {.drive_ms = milliseconds_since(begin)};
  std::vector<bool> which(needed_.size(), false);
  for (std::size_t i = 0; i < which.size() && sensors_due(); ++i) which[i] = needed_[i] && !is_held(i);
  render(which);
  next_publication_ = 0;
  return true;
}

bool Simulation::is_due(const Publication& publication) const {
  if (frame_.index < options_.first_frame) return false;
  if (publication.once && (frame_.index > options_.first_frame || options_.continued)) return false;
  if (publication.due && !publication.due()) return false;
  if (publication.sensors.empty()) return true;
  return sensors_due() && std::none_of(publication.sensors.begin(), publication.sensors.end(),
                                       [&](std::size_t i) { return is_held(i); });
}

void Simulation::hold_sensors(std::vector<bool> held) {
  held_ = std::move(held);
  held_.resize(held_.empty() ? 0 : rig_.sensors.size());
  all_held_ = !held_.empty() && std::find(held_.begin(), held_.end(), false) == held_.end();
}

std::vector<std::size_t> Simulation::sensors_of(const std::string& topic) const {
  for (const Publication& publication : publications_)
    if (publication.topic.name == topic) return publication.sensors;
  return {};
}

std::vector<std::vector<std::size_t>> Simulation::needed_groups() const {
  std::vector<std::vector<std::size_t>> groups;
  const auto add = [&](const std::vector<std::size_t>& group) {
    if (std::any_of(group.begin(), group.end(), [&](std::size_t i) { return needed_[i]; })) groups.push_back(group);
  };
  for (const View& view : views_) add(view.sensors);
  for (std::size_t i = 0; i < rig_.sensors.size(); ++i)
    if (rig_.sensors[i].is_lidar()) add({i});
  return groups;
}

bool Simulation::frame_sent() const {
  if (frame_.index < 0) return true;
  for (std::size_t i = next_publication_; i < wanted_.size(); ++i)
    if (is_due(publications_[wanted_[i]])) return false;
  return true;
}

std::optional<Message> Simulation::next() {
  if (wanted_.empty()) return std::nullopt;
  for (;;) {
    if (frame_.index >= 0)
      if (auto message = next_of_frame()) return message;
    if (!advance()) return std::nullopt;
  }
}

std::optional<Message> Simulation::next_of_frame() {
  while (next_publication_ < wanted_.size()) {
    const Publication& publication = publications_[wanted_[next_publication_++]];
    if (!is_due(publication)) continue;
    Message message;
    message.topic = publication.topic;
    message.stamp_ns = frame_.stamp_ns;
    message.cdr = std::make_shared<const std::vector<std::uint8_t>>(publication.build());
    return message;
  }
  return std::nullopt;
}

void Simulation::choose_topics(std::vector<std::string> topics) {
  require_topics(this->topics(), topics, fmt::format("the simulation of '{}'", world_->name));
  options_.topics = std::move(topics);
  pattern_.reset();
  choose_publications();
  next_publication_ = wanted_.size();  // nothing more of the current frame, which may lack what is wanted now
}

void Simulation::choose_quality(const std::string& quality) {
  if (!first_rig_) first_rig_ = rig_;
  Rig rig = *first_rig_;
  if (!quality.empty()) rig.set_quality(quality);
  rig_ = std::move(rig);
  views_.clear();
  plan_views();
  for (SensorReading& reading : frame_.readings) reading.camera = nullptr;
  next_publication_ = wanted_.size();
}

OpenWorld OpenWorld::open(const Scenario& scenario, std::uint64_t variation_seed, bool with_renderer) {
  OpenWorld open;
  open.variation_seed = variation_seed == 0 ? scenario.seed : variation_seed;
  open.scenario = with_draws(scenario, draw_world(scenario, open.variation_seed));
  open.scenario.sensors = scenario.sensors;  // may have been chosen after the file was read
  if (open.scenario.terrain.window_m > 0) {
    WorldStock loaded = load_stock(open.scenario);
    open.streamed = std::make_shared<StreamedWorld>(open.scenario, std::move(loaded.stock), loaded.assets);
    open.world = std::shared_ptr<const World>(open.streamed, &open.streamed->world());
  } else {
    open.world = std::make_shared<const World>(build_world(open.scenario));
  }
  if (with_renderer) open.renderer = std::make_shared<const Renderer>(*open.world);
  return open;
}

std::unique_ptr<Simulation> OpenWorld::simulation(const std::filesystem::path& vehicle_file,
                                                  SimulationOptions options) const {
  options.camera = scenario.camera;
  Rig rig = Rig::load(scenario.sensors);
  VehicleConfig vehicle = VehicleConfig::load(vehicle_file);
  auto simulation = streamed ? std::make_unique<Simulation>(streamed, scenario.drive, std::move(rig),
                                                            std::move(vehicle), std::move(options), renderer)
                             : std::make_unique<Simulation>(world, scenario.drive, std::move(rig), std::move(vehicle),
                                                            std::move(options), renderer);
  simulation->populate(scenario.actors, scenario.home);
  simulation->vary(scenario, variation_seed);
  return simulation;
}

}  // namespace bramble
