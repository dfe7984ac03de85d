#pragma once
#include <functional>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "bramble/render/renderer.hpp"
#include "bramble/sim/driver.hpp"
#include "bramble/sim/manual_control.hpp"
#include "bramble/sim/publish.hpp"
#include "bramble/sim/publish_actors.hpp"
#include "bramble/sim/rig.hpp"
#include "bramble/sim/traffic.hpp"
#include "bramble/sim/vehicle_look.hpp"
#include "bramble/stream/stream.hpp"
#include "bramble/world/scenario.hpp"
#include "bramble/world/streamed_world.hpp"

namespace bramble {

inline constexpr std::uint32_t kEgoActorId = 1;

struct SimulationOptions {
  std::string driver = "autopilot";             ///< see make_driver
  std::shared_ptr<const ManualControl> manual;  ///< of the driver `manual`
  std::vector<std::string> topics;  ///< only these are made, and only the sensors they need are rendered; empty: all
  std::string topic_pattern;        ///< regular expression: those, too, whose whole name matches; empty: none
  std::int64_t frames = 0;          ///< 0: until the driver is done (endless but for a trace)
  int width = 0, height = 0;        ///< of every camera; 0: as the rig says
  int sensor_every = 1;             ///< cameras and LiDARs deliver in every n-th frame, from the first on
  double start_s_m = 0;             ///< where on the path to begin, added to the scenario's start
  std::uint64_t seed = 0;           ///< of drivers and sensor noise; 0: the world's
  std::int64_t first_frame = 0;     ///< frames before it are driven, but nothing is rendered or sent; counts in frames
  bool continued = false;           ///< an earlier run sent the frames before first_frame, and what is sent only once
  std::string quality;  ///< of every RGB camera: draft, preview, standard or reference; empty: as the rig says
  SemanticEncoding semantic_encoding = SemanticEncoding::kMono8;
  CameraScenario camera;  ///< what cameras do to the light, but for what a sensor says of itself
  StampNs first_stamp_ns = kNsPerSecond;
};

/// What a sensor of the rig saw in the current frame. Cameras of equal mount, size and field of view share one render
/// pass, so that colour, class and depth of a pixel belong to the same ray.
struct SensorReading {
  const CameraFrame* camera = nullptr;  ///< null when the sensor was not wanted; valid until the next frame
  std::vector<LidarPoint> points;
};

/// One step of the drive.
struct SimFrame {
  std::int64_t index = -1;
  StampNs stamp_ns = 0;
  VehicleState state;                   ///< at stamp_ns
  VehicleControl control;               ///< from stamp_ns until the next frame
  std::vector<SensorReading> readings;  ///< one per sensor of the rig, in its order
  std::vector<ActorState> actors;       ///< everybody else, at stamp_ns
};

/// Milliseconds of wall clock.
struct FrameTimes {
  double drive_ms = 0, cameras_ms = 0, lidars_ms = 0;
};

/// The drive as a source of messages: 20 Hz of simulated time, synchronous, each frame complete before the next begins.
/// Frame n has the stamp first_stamp_ns + n * 50 ms. Order within a frame: /clock, /carla/status, /tf, the scene,
/// vehicle topics, then the sensors in the rig's order. Sensors see the vehicle that carries them (unless their
/// sees_vehicle is off): its class is the ontology's «vehicle», kIgnoreId where there is none. Same world, rig,
/// options: same bytes for any number of threads. One thread at a time.
class Simulation final : public Source {
 public:
  /// `renderer`: one made for this world, to share; made when first needed if null.
  Simulation(std::shared_ptr<const World> world, const DriveScenario& drive, Rig rig, VehicleConfig vehicle,
             SimulationOptions options, std::shared_ptr<const Renderer> renderer = nullptr);
  /// Through a world of which only the part around the vehicle is held. It moves with this vehicle: nothing else may
  /// use the world or the renderer meanwhile.
  Simulation(std::shared_ptr<StreamedWorld> world, const DriveScenario& drive, Rig rig, VehicleConfig vehicle,
             SimulationOptions options, std::shared_ptr<const Renderer> renderer = nullptr);
  ~Simulation() override;

  /// From now on `sky:` changes as the scenario's variation says; the world must have been made with draw_world() of
  /// the same seed. Adds the topic /bramble/variation: JSON text of the draws in force, with every frame of the
  /// sensors.
  void vary(const Scenario& scenario, std::uint64_t seed);

  /// Puts the scenario's actors into the world; before the first frame. `home` holds config/vehicles.
  void populate(const std::vector<ActorScenario>& actors, const std::filesystem::path& home);
  /// Somebody appears, or disappears, with the next frame; after populate(). See Traffic.
  std::uint32_t spawn(const ActorScenario& actor, const std::optional<GroundPlace>& place);
  bool destroy(std::uint32_t id);

  /// From the next frame on another driver (make_driver's names) drives, from where the vehicle is. A replayed trace
  /// would begin at its own start, so `trace:` is refused. Throws Error, the driver unchanged.
  void choose_driver(const std::string& spec);
  const std::string& driver() const { return options_.driver; }
  /// From the next frame on the sky is another one; what varies of it is drawn no more.
  void set_sky(const SkyScenario& sky);
  /// The scenario's of vary(), as it has changed since.
  const SkyScenario& sky() const { return sky_in_force_; }

  /// Makes now what rendering needs and would else be made with the first picture.
  void prepare();

  // What a live drive changes, between two frames (their messages all taken):
  /// From the next frame on only these topics are made, and only the sensors they need are rendered. Throws Error
  /// listing the topics there are.
  void choose_topics(std::vector<std::string> topics);
  /// From the next frame on every RGB camera has this quality (SimulationOptions::quality); empty: that which it began
  /// with. Throws Error.
  void choose_quality(const std::string& quality);
  /// A camera or LiDAR that is held delivers nothing: the drive goes on without. One for each of rig().sensors; empty:
  /// none is held.
  void hold_sensors(std::vector<bool> held);
  /// Positions in rig().sensors of those that must be rendered for a topic.
  std::vector<std::size_t> sensors_of(const std::string& topic) const;
  /// Those that the wanted topics need, as they are made together: cameras that share a pass, each LiDAR for itself.
  std::vector<std::vector<std::size_t>> needed_groups() const;

  /// Every topic that the rig gives, wanted or not.
  std::vector<TopicInfo> topics() const override;
  std::optional<Message> next() override;
  /// The next message of the current frame (after advance()); nothing when there is no more in it.
  std::optional<Message> next_of_frame();

  bool wants(const std::string& topic) const;
  /// Whether the next call of next() begins another frame: the moment to change what drives it.
  bool frame_sent() const;

  /// For users in the same process: moves on by a frame and renders what the wanted topics need; false at the end.
  /// Not to be mixed with next() within a frame.
  bool advance();
  /// Renders every camera of the rig for the current frame, wanted or not.
  void render_cameras();
  /// The current frame; of index -1 before the first.
  const SimFrame& frame() const { return frame_; }
  const World& world() const { return *world_; }
  const Rig& rig() const { return rig_; }
  /// Who is in the scene in the current frame: the vehicle (kEgoActorId), what it carries, then everybody else.
  std::vector<SceneActor> actors() const;
  /// Position of a sensor in rig().sensors and SimFrame::readings. Throws Error listing the ids there are.
  std::size_t sensor_index(const std::string& id) const;
  /// Frames that there will be; 0: endless.
  std::int64_t frame_count() const { return frames_; }
  /// Bytes that one frame's wanted messages take, roughly (LiDARs counted with every beam hitting).
  std::uint64_t bytes_per_frame() const;
  /// How long the parts of the current frame took; of the wall clock, only to be shown.
  const FrameTimes& frame_times() const { return frame_times_; }
  /// What was driven so far, to be written by Trace::to_csv.
  const Trace& trace() const { return trace_; }

 private:
  struct Publication {
    TopicInfo topic;
    std::vector<std::size_t> sensors;  // that must be rendered for it
    std::uint64_t bytes = 256;
    bool once = false;                                 // only in the first frame
    std::function<bool()> due;                         // empty: in every frame
    std::function<std::vector<std::uint8_t>()> build;  // CDR of the current frame
  };
  struct View {  // one render pass for all cameras that look from the same place in the same way
    CameraModel camera;
    Pose X_BC;
    bool sees_vehicle = false;
    CameraEffects::Own effects;  // of its RGB camera
    bool has_rgb = false;
    bool normal = false, flow = false, coverage = false;
    std::vector<std::size_t> sensors;
    CameraFrame frame;
  };
  Simulation(std::shared_ptr<const World> world, std::shared_ptr<StreamedWorld> streamed, const DriveScenario& drive,
             Rig rig, VehicleConfig vehicle, SimulationOptions options, std::shared_ptr<const Renderer> renderer);
  bool is_due(const Publication& publication) const;
  bool is_held(std::size_t sensor) const { return !held_.empty() && held_[sensor]; }
  bool move_world(const Pose& X_MB);
  void list_publications();
  void check_topics() const;
  void choose_publications();
  void draw();
  void list_sensor(std::size_t index);
  void list_scene();
  std::function<std::vector<std::uint8_t>()> scene_message(SensorKind kind, bool without_ego);
  void plan_views();
  void drift();
  void render(const std::vector<bool>& which);  // per sensor
  bool sensors_due() const {
    return !all_held_ && frame_.index % options_.sensor_every == 0 && frame_.index >= options_.first_frame;
  }

  std::shared_ptr<const World> world_;
  std::shared_ptr<StreamedWorld> streamed_;  // null: the world is whole
  Rig rig_;
  double speed_limit_mps_ = 0;                     // of the scenario's drive
  std::unique_ptr<VehicleConfig> vehicle_config_;  // at a fixed place: driver and vehicle refer to it
  SimulationOptions options_;
  std::shared_ptr<const Renderer> renderer_;
  std::unique_ptr<VehicleLook> look_;
  DriverOptions driver_options_;
  std::unique_ptr<Driver> driver_;
  std::unique_ptr<Vehicle> vehicle_;
  std::unique_ptr<Traffic> traffic_;       // null before populate()
  std::vector<Publication> publications_;  // all, in order
  std::optional<std::regex> pattern_;      // of options_.topic_pattern
  std::vector<std::size_t> wanted_;        // of these
  std::vector<bool> needed_;               // per sensor
  std::vector<View> views_;
  VehicleState state_before_;        // a frame ago
  std::vector<SensorDrift> drifts_;  // per sensor
  std::vector<std::array<Wander, 2>> wanders_;
  std::vector<std::optional<WheelOdometry>> encoders_;
  std::int64_t frames_ = 0;
  std::size_t next_publication_ = 0;
  std::vector<bool> held_;  // per sensor; empty: none
  bool all_held_ = false;
  std::optional<Rig> first_rig_;  // before choose_quality()
  FrameTimes frame_times_;
  SimFrame frame_;
  Trace trace_;
  std::optional<Scenario> varied_;  // with variation_seed_: what the draws come from
  std::uint64_t variation_seed_ = 0;
  VariationDraws draws_;  // in force
  SkyScenario sky_in_force_;
  bool sky_chosen_ = false;      // by set_sky: the variation's sky counts no more
  std::optional<Sky> next_sky_;  // for the renderer, when it renders next
};

/// A scenario's world, opened to be driven through; drives after one another may share it.
struct OpenWorld {
  Scenario scenario;  ///< with the draws that the world was made with
  std::shared_ptr<const World> world;
  std::shared_ptr<StreamedWorld> streamed;  ///< null: the world is whole
  std::shared_ptr<const Renderer> renderer;
  std::uint64_t variation_seed = 0;

  /// Builds the world as the scenario's variation draws it for the seed (0: the scenario's own). Without a renderer one
  /// is made when a drive first needs it.
  static OpenWorld open(const Scenario& scenario, std::uint64_t variation_seed, bool with_renderer);
  /// Puts the vehicle of a file (config/vehicles) with the rig that the scenario names at its start.
  std::unique_ptr<Simulation> simulation(const std::filesystem::path& vehicle_file, SimulationOptions options) const;
};

}  // namespace bramble
