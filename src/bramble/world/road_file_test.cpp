#include "bramble/world/road_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/world/path_shape.hpp"
#include "bramble/world/test_ground.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using Eigen::Vector3d;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kHome = BRAMBLE_SOURCE_DIR;
const fs::path kRoads = kHome / "scenarios/roads";

template <typename Function>
std::string message_of(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// A road along the x axis from x0, with one lane of 3 m to the right.
std::string straight_road(const std::string& id, double x0, double length, const std::string& link,
                          const std::string& junction = "-1") {
  return fmt::format(
      "<road id=\"{}\" junction=\"{}\"><link>{}</link><planView><geometry s=\"0\" x=\"{}\" y=\"0\" hdg=\"0\" "
      "length=\"{}\"><line/></geometry></planView><lanes><laneSection s=\"0\"><right><lane id=\"-1\" type=\"driving\">"
      "<width sOffset=\"0\" a=\"3\" b=\"0\" c=\"0\" d=\"0\"/></lane></right></laneSection></lanes></road>",
      id, junction, link, x0, length);
}
std::string link_to(const char* which, const char* id, const char* contact) {
  return fmt::format("<{} elementType=\"road\" elementId=\"{}\" contactPoint=\"{}\"/>", which, id, contact);
}
RoadFile parse(const std::string& roads, const RoadFileOptions& options = {}) {
  return parse_opendrive_path("<OpenDRIVE>" + roads + "</OpenDRIVE>", "test.xodr", options);
}

void expect_even(const Path& path) {
  for (std::size_t i = 1; i < path.points.size(); ++i) {
    const double gap = (path.points[i] - path.points[i - 1]).head<2>().norm();
    EXPECT_GT(gap, 0.2) << i;
    EXPECT_LT(gap, 0.76) << i;
  }
}

// The largest distance of a point of `a` from the line of `b`, where both count their points alike.
double largest_miss_m(const Path& a, const Path& b) {
  double worst = 0;
  const auto count = static_cast<std::ptrdiff_t>(std::min(a.points.size(), b.points.size()));
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    double least = 1e9;
    for (std::ptrdiff_t k = std::max<std::ptrdiff_t>(0, i - 1); k <= std::min(i, count - 2); ++k) {
      const Eigen::Vector3d from = b.points[k], along = b.points[k + 1] - from, to = a.points[i] - from;
      least = std::min(least, (to - std::clamp(to.dot(along) / along.squaredNorm(), 0.0, 1.0) * along).norm());
    }
    worst = std::max(worst, least);
  }
  return worst;
}

TEST(RoadFile, EveryShippedPathComesBackWithinAMillimetre) {
  double worst = 0;
  int seen = 0;
  for (const auto& entry : fs::directory_iterator(kHome / "scenarios")) {
    if (entry.path().extension() != ".yaml") continue;
    if (read_text_file(entry.path()).find("\ndrives:") != std::string::npos) continue;  // a plan of drives
    Scenario scenario = load_scenario(entry.path(), kHome);
    scenario.terrain.cover_pixels = 256;  // of no effect on heights
    Path path = make_scenario_path(scenario);
    make_terrain(scenario, path, make_forks(scenario, path));
    const std::string text = opendrive_xml(opendrive_of(path, scenario.name, scenario.drive.speed_limit_mps));
    const RoadFile again = parse_opendrive_path(text, "road.xodr");
    ASSERT_EQ(again.path.points.size(), path.points.size()) << entry.path();
    EXPECT_EQ(again.path.closed, path.closed);
    EXPECT_TRUE(again.has_heights);
    EXPECT_NEAR(again.path.width_m, path.width_m, 1e-9);
    EXPECT_TRUE(again.left_out.empty());
    const double miss = largest_miss_m(again.path, path);
    EXPECT_LT(miss, 0.001) << entry.path();
    worst = std::max(worst, miss);
    const RoadFile waypoints = parse_waypoints(waypoints_json(path), "points.json");
    ASSERT_EQ(waypoints.path.points.size(), path.points.size()) << entry.path();
    EXPECT_EQ(waypoints.path.closed, path.closed);
    EXPECT_LT(largest_miss_m(waypoints.path, path), 0.0002) << entry.path();
    ++seen;
  }
  EXPECT_GE(seen, 8);
  RecordProperty("worst_mm", std::to_string(1000 * worst));
}

TEST(RoadFile, AForestRoadOfLinesSpiralsAndArcs) {
  const RoadFile road = read_road_file(kRoads / "line_spiral_arc.xodr");
  EXPECT_FALSE(road.path.closed);
  EXPECT_NEAR(road.path.length_m(), 296, 1);
  EXPECT_NEAR(min_bend_radius_m(road.path), 25, 0.1);
  EXPECT_NEAR(road.least_width_m, 3.5, 1e-9);
  EXPECT_NEAR(road.path.points.front().z(), 412, 1e-9);
  EXPECT_NEAR(road.path.points.back().z(), 411, 1e-6);
  EXPECT_NEAR((road.path.points.front().head<2>() - Eigen::Vector2d(100, 250)).norm(), 0, 1e-9);
  EXPECT_THAT(road.roads, ElementsAre("1"));
  EXPECT_THAT(road.left_out, testing::UnorderedElementsAre("1 object", "1 lateral profile record"));
  EXPECT_THAT(road.geo_reference, HasSubstr("+proj=utm"));
  expect_even(road.path);
}

TEST(RoadFile, ALoopOfPolynomialsInTwoRoads) {
  const RoadFile road = read_road_file(kRoads / "poly_loop.xodr");
  EXPECT_TRUE(road.path.closed);
  EXPECT_FALSE(road.has_heights);
  EXPECT_THAT(road.roads, ElementsAre("1", "2"));
  EXPECT_NEAR(road.path.length_m(), 216.78 + 276.14, 0.5);
  EXPECT_GT(min_bend_radius_m(road.path), 12);
  expect_even(road.path);
  RoadFileOptions options;
  options.road = "2";
  const RoadFile from_second = read_road_file(kRoads / "poly_loop.xodr", options);
  EXPECT_THAT(from_second.roads, ElementsAre("2", "1"));
  EXPECT_TRUE(from_second.path.closed);
}

TEST(RoadFile, WaypointsKeepTheirCorners) {
  const RoadFile road = read_road_file(kRoads / "waypoints.json");
  EXPECT_TRUE(road.path.closed);
  EXPECT_FALSE(road.has_heights);
  EXPECT_EQ(road.greatest_width_m, 0);
  expect_even(road.path);
  for (const Vector3d& corner : {Vector3d(-90, -40, 0), Vector3d(85, -15, 0), Vector3d(-45, 70, 0)}) {
    const double s = road.path.nearest_s(corner.x(), corner.y());
    EXPECT_LT((road.path.point_at(s) - corner).norm(), 1e-9);
  }
  EXPECT_NEAR(road.path.length_m(),
              std::hypot(60, 30) + std::hypot(70, 10) + std::hypot(45, 45) + std::hypot(25, 60) + std::hypot(55, 15) +
                  std::hypot(50, 40) + std::hypot(45, 110),
              1e-9);
}

TEST(RoadFile, WaypointsOfUnrealAreInCentimetresWithYToTheRight) {
  RoadFileOptions options;
  options.unreal = UnrealOrigin{100, -175, 0};
  const RoadFile road =
      parse_waypoints("[[100, -175, 50], [2100, -175, 50], [2100, -2175, 250]]", "test.json", options);
  EXPECT_FALSE(road.path.closed);
  EXPECT_TRUE(road.has_heights);
  EXPECT_LT((road.path.points.front() - Vector3d(0, 0, 0.5)).norm(), 1e-12);
  EXPECT_LT((road.path.points.back() - Vector3d(20, 20, 2.5)).norm(), 1e-12);
  const RoadFile again = parse_waypoints(waypoints_json(road.path, options.unreal), "again.json", options);
  EXPECT_LT(largest_miss_m(again.path, road.path), 1e-5);
}

TEST(RoadFile, FollowsLinksFromRoadToRoad) {
  // Road b is drawn against the way; j lies in a junction.
  const std::string roads =
      straight_road("a", 0, 30, link_to("successor", "b", "end")) + "<road id=\"b\"><link>" +
      link_to("successor", "a", "end") + link_to("predecessor", "c", "start") +
      "</link><planView><geometry s=\"0\" x=\"70\" y=\"0\" hdg=\"3.141592653589793\" length=\"40\">"
      "<line/></geometry></planView></road>" +
      straight_road("c", 70, 20,
                    link_to("predecessor", "b", "start") + "<successor elementType=\"junction\" elementId=\"5\"/>") +
      straight_road("j", 90, 200, "", "5") + straight_road("lone", 500, 60, "");
  for (const char* wanted : {"", "a", "c"}) {
    RoadFileOptions options;
    options.road = wanted;
    const RoadFile road = parse(roads, options);
    EXPECT_THAT(road.roads, ElementsAre("a", "b", "c")) << wanted;
    EXPECT_NEAR(road.path.length_m(), 90, 0.3) << "the middle moves over by 1.5 m, twice";
    EXPECT_LT((road.path.points.front() - Vector3d(0, -1.5, 0)).norm(), 1e-9) << "the middle of the lane";
    EXPECT_LT((road.path.points.back() - Vector3d(90, -1.5, 0)).norm(), 1e-9);
    EXPECT_THAT(road.left_out, testing::Contains(HasSubstr("2 of 5 roads")));
    for (const Vector3d& point : road.path.points) {
      if (point.x() < 37 || point.x() > 63) continue;
      EXPECT_NEAR(point.y(), 0, 1e-6) << "b has no lanes";
    }
  }
  RoadFileOptions options;
  options.road = "b";
  EXPECT_THAT(parse(roads, options).roads, ElementsAre("c", "b", "a"));
  options.road = "j";
  EXPECT_THAT(parse(roads, options).roads, ElementsAre("j"));
}

TEST(RoadFile, SaysWhatIsWrong) {
  const auto waypoints = [](const std::string& text) {
    return message_of([&] { parse_waypoints(text, "test.json"); });
  };
  EXPECT_THAT(waypoints("[[1, 2],\n [3,"), AllOf(HasSubstr("test.json: is not well-formed JSON"), HasSubstr("line 2")));
  EXPECT_THAT(waypoints("{\"a\": 1}"), HasSubstr("holds a JSON object, must be a list of points"));
  EXPECT_THAT(waypoints("[[1, 2], {\"x\": 3}]"), HasSubstr("point 1 is {\"x\":3}, must be a list"));
  EXPECT_THAT(waypoints("[[1, 2], [3]]"), HasSubstr("point 1 is [3]"));
  EXPECT_THAT(waypoints("[[1, 2], [3, \"4\"]]"), HasSubstr("point 1 is [3,\"4\"]"));
  EXPECT_THAT(waypoints("[[1, 2, 3], [30, 40]]"), HasSubstr("give a height to all points or to none"));
  EXPECT_THAT(waypoints("[[0, 0], [1e300, 0]]"), HasSubstr("point 1 lies 1e+300 m from the origin"));
  EXPECT_THAT(waypoints("[]"), HasSubstr("holds 0 points"));
  EXPECT_THAT(waypoints("[[0, 0], [3, 4]]"), HasSubstr("the path is 5.00 m long, must be at least 10 m"));
  EXPECT_THAT(waypoints("[[0, 0], [90000, 0]]"), HasSubstr("90.0 km long"));

  const auto roads = [](const std::string& text, const std::string& wanted = "") {
    return message_of([&] { parse(text, {wanted, std::nullopt}); });
  };
  EXPECT_THAT(roads(straight_road("j", 0, 50, "", "5")), HasSubstr("holds only roads that lie in junctions"));
  EXPECT_THAT(roads(straight_road("a", 0, 50, ""), "b"), HasSubstr("holds no road 'b'; there are: a"));
  EXPECT_THAT(roads(straight_road("a", 0, 50, link_to("successor", "b", "start"))),
              HasSubstr("road 'a' names road 'b' as its successor, which the file does not hold"));
  EXPECT_THAT(roads(straight_road("a", 0, 50, link_to("successor", "a", "start"))),
              HasSubstr("road 'a' ends 50.00 m from where its successor 'a' is to go on"));
  EXPECT_THAT(roads("<road id=\"a\"><planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"50\"><paramPoly3 "
                    "aU=\"0\" bU=\"50\" cU=\"0\" dU=\"0\" aV=\"0\" bV=\"0\" cV=\"0\" dV=\"0\" pRange=\"arcLength\"/>"
                    "</geometry></planView></road>"),
              HasSubstr("runs off near s = 0.1: its points lie far more apart than its length says"));
  EXPECT_THAT(message_of([] { read_road_file("road.osm"); }), HasSubstr("road.osm: is neither .xodr"));
  EXPECT_THAT(message_of([] { read_road_file("/nowhere/road.xodr"); }), HasSubstr("/nowhere/road.xodr"));
}

std::string scenario_message(const std::string& text) {
  return message_of([&] { make_scenario_path(parse_scenario(text, "test.yaml", kHome, kHome / "scenarios")); });
}

TEST(RoadFile, AScenarioSaysWhatIsWrongWithItsRoad) {
  EXPECT_THAT(
      scenario_message("path: {file: roads/nowhere.xodr}"),
      AllOf(HasSubstr("test.yaml:1: 'path.file' names"), HasSubstr("roads/nowhere.xodr, which does not exist")));
  EXPECT_THAT(scenario_message("path: {file: roads/road.osm}"), HasSubstr("must be .xodr (OpenDRIVE) or .json"));
  EXPECT_THAT(scenario_message("path: {file_elevation: true}"), HasSubstr("stands without a 'file'"));
  EXPECT_THAT(scenario_message("path: {file: roads/poly_loop.xodr, file_origin: [1]}"), HasSubstr("must be [x, y]"));
  EXPECT_THAT(scenario_message("path: {file: roads/poly_loop.xodr, file_unreal_origin: [0, 0, 0]}"),
              HasSubstr("OpenDRIVE is in metres"));
  EXPECT_THAT(scenario_message("path: {file: roads/poly_loop.xodr, file_elevation: true}"),
              HasSubstr("gives no heights"));
  EXPECT_THAT(scenario_message("path: {file: roads/poly_loop.xodr, file_road: x}"), HasSubstr("holds no road 'x'"));
  EXPECT_THAT(
      scenario_message("path: {file: roads/line_spiral_arc.xodr, file_origin: [0, 0]}"),
      AllOf(HasSubstr("runs from (100, 250)"), HasSubstr("with path.file_origin [0, 0] it leaves the terrain")));
  const fs::path far = fs::path(testing::TempDir()) / "far.json";
  write_file_atomically(far, std::string_view("[[0, 0], [400, 0]]"));
  EXPECT_THAT(scenario_message("path: {file: " + far.string() + "}"),
              AllOf(HasSubstr("400 m x 0 m"), HasSubstr("make terrain.size_m larger")));
}

const char* const kGround =
    "seed: 3\nterrain: {height_samples: 257, cover_pixels: 512, hill_height_m: 6, rim_height_m: 4}\n";

TEST(RoadFile, TheWorldsPathIsTheFiles) {
  const TestGround ground(std::string(kGround) + "path: {file: scenarios/roads/poly_loop.xodr, width_m: 3}\n");
  const RoadFile road = read_road_file(kRoads / "poly_loop.xodr");
  ASSERT_EQ(ground.path.points.size(), road.path.points.size()) << "it fits where it is";
  for (std::size_t i = 0; i < road.path.points.size(); ++i) {
    EXPECT_LT((ground.path.points[i] - road.path.points[i]).head<2>().norm(), 1e-12);
    EXPECT_NEAR(ground.path.points[i].z(), ground.terrain.height(road.path.points[i].x(), road.path.points[i].y()),
                1e-9);
  }
  EXPECT_EQ(ground.path.width_m, 3);
  EXPECT_LE(max_path_slope(ground.path), ground.scenario.path.max_slope + 0.02) << "bumps come on top";
}

TEST(RoadFile, AnOpenRoadIsCentredAndItsHeightsAreFollowed) {
  const TestGround ground(std::string(kGround) +
                          "path: {file: scenarios/roads/line_spiral_arc.xodr, file_elevation: true, puddles: 1, "
                          "washouts: 3, forks: 4, rut_depth_m: 0}\n"
                          "water: {level_m: -20, streams: [{at: 0.02, course: left}, {at: 0.5, course: across}]}\n");
  EXPECT_FALSE(ground.path.closed);
  const PathExtent extent = extent_of(ground.path);
  EXPECT_LT((extent.low + extent.high).norm(), 1e-6);
  const RoadFile road = read_road_file(kRoads / "line_spiral_arc.xodr");
  // As the file says, but for the bumps, puddles and fords that are pressed into it.
  const double shift = ground.path.points[200].z() - road.path.points[200].z();
  int near = 0;
  for (std::size_t i = 0; i < road.path.points.size(); ++i) {
    EXPECT_TRUE(ground.path.points[i].allFinite());
    near += std::abs(ground.path.points[i].z() - road.path.points[i].z() - shift) < 0.25;
  }
  EXPECT_GT(near, static_cast<int>(0.9 * static_cast<double>(road.path.points.size())));
  for (const float height : ground.terrain.heights) ASSERT_TRUE(std::isfinite(height));
}

TEST(RoadFile, AnOpenPathIsLevelledAlongTheLand) {
  const TestGround ground(std::string(kGround) +
                          "path: {file: scenarios/roads/line_spiral_arc.xodr, max_slope: 0.08}\n");
  EXPECT_LE(max_path_slope(ground.path), 0.08 + 0.03) << "bumps come on top";
  const TestGround named(std::string(kGround) +
                         "path: {file: scenarios/roads/line_spiral_arc.xodr, file_elevation: true, "
                         "file_origin: [180, 320, 405]}\nwater: {level_m: -20}\n");
  EXPECT_NEAR(named.path.points.front().z(), 7, 0.2);
  EXPECT_NEAR(named.path.points.front().x(), -80, 1e-9);
}

}  // namespace
}  // namespace bramble
