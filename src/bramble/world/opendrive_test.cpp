#include "bramble/world/opendrive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "bramble/core/error.hpp"
#include "bramble/core/random.hpp"
#include "bramble/world/path_shape.hpp"

namespace bramble {
namespace {

using Eigen::Vector2d;
using testing::AllOf;
using testing::HasSubstr;

constexpr double kPi = std::numbers::pi;

// A file of one road with this plan view and these lanes.
std::string file_with(const std::string& plan, const std::string& lanes = "", const std::string& rest = "") {
  return "<?xml version=\"1.0\"?>\n<OpenDRIVE>\n<header revMajor=\"1\" revMinor=\"6\"/>\n"
         "<road id=\"7\" junction=\"-1\">\n<planView>\n" +
         plan + "\n</planView>\n" + rest + "\n<lanes>\n" + lanes + "\n</lanes>\n</road>\n</OpenDRIVE>\n";
}

std::string geometry(double s, double x, double y, double heading, double length, const std::string& shape) {
  return fmt::format("<geometry s=\"{}\" x=\"{}\" y=\"{}\" hdg=\"{}\" length=\"{}\">{}</geometry>\n", s, x, y, heading,
                     length, shape);
}

Road road_with(const std::string& plan, const std::string& lanes = "", const std::string& rest = "") {
  return parse_opendrive(file_with(plan, lanes, rest), "test.xodr").roads.at(0);
}

std::string message_of(const std::string& text) {
  try {
    parse_opendrive(text, "test.xodr");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void expect_pose(const PlanPose& pose, double x, double y, double heading, double tolerance) {
  EXPECT_NEAR(pose.position.x(), x, tolerance);
  EXPECT_NEAR(pose.position.y(), y, tolerance);
  EXPECT_NEAR(std::remainder(pose.heading_rad - heading, 2 * kPi), 0, tolerance);
}

TEST(OpenDrive, LinesAndArcsHaveTheirClosedForms) {
  const Road road = road_with(geometry(0, 10, -5, kPi / 6, 40, "<line/>") +
                              geometry(40, 10 + 40 * std::cos(kPi / 6), 15, kPi / 6, 60, "<arc curvature=\"-0.05\"/>"));
  EXPECT_DOUBLE_EQ(road.length_m(), 100);
  expect_pose(road.reference_at(25), 10 + 25 * std::cos(kPi / 6), -5 + 12.5, kPi / 6, 1e-12);
  // Right-hand bend: its centre lies 20 m to the right of where it begins.
  const Vector2d centre =
      Vector2d(10 + 40 * std::cos(kPi / 6), 15) + 20 * Vector2d(std::sin(kPi / 6), -std::cos(kPi / 6));
  for (const double ds : {0.0, 7.0, 33.0, 60.0}) {
    const double heading = kPi / 6 - ds / 20;
    expect_pose(road.reference_at(40 + ds), centre.x() - 20 * std::sin(heading), centre.y() + 20 * std::cos(heading),
                heading, 1e-11);
  }
  expect_pose(road.reference_at(1e9), road.reference_at(100).position.x(), road.reference_at(100).position.y(),
              kPi / 6 - 3, 1e-12);
}

// Fresnel's integrals of a clothoid of curvature c s, by their power series (Abramowitz & Stegun 7.3.11, 7.3.13).
Vector2d fresnel(double c, double s) {
  const double half = 0.5 * c;
  double x = 0, y = 0, factorial = 1;
  for (int n = 0; n < 60; ++n) {
    if (n > 0) factorial *= n;
    const double term = std::pow(half, n) * std::pow(s, 2 * n + 1) / (factorial * (2 * n + 1));
    (n % 2 == 0 ? x : y) += (n / 2 % 2 == 0 ? 1 : -1) * term;
  }
  return {x, y};
}

TEST(OpenDrive, SpiralsAreFresnels) {
  for (const double end_curvature : {0.08, -0.03, 0.002}) {
    const double length = 50;
    const Road road =
        road_with(geometry(0, 0, 0, 0, length, fmt::format("<spiral curvStart=\"0\" curvEnd=\"{}\"/>", end_curvature)));
    const double c = end_curvature / length;
    for (const double s : {0.0, 3.0, 21.0, 50.0}) {
      const Vector2d p = fresnel(c, s);
      expect_pose(road.reference_at(s), p.x(), p.y(), 0.5 * c * s * s, 1e-9);
    }
  }
}

TEST(OpenDrive, SpiralsFromCurveToCurveMeetNumericIntegration) {
  const double k0 = -0.05, k1 = 0.2, length = 45, heading = 2;
  const Road road =
      road_with(geometry(0, 3, 4, heading, length, fmt::format("<spiral curvStart=\"{}\" curvEnd=\"{}\"/>", k0, k1)));
  double x = 3, y = 4;
  constexpr int kSteps = 200'000;  // midpoint rule
  for (int i = 0; i < kSteps; ++i) {
    const double s = (i + 0.5) * length / kSteps;
    const double angle = heading + k0 * s + 0.5 * (k1 - k0) / length * s * s;
    x += std::cos(angle) * length / kSteps;
    y += std::sin(angle) * length / kSteps;
  }
  expect_pose(road.reference_at(length), x, y, heading + 0.5 * (k0 + k1) * length, 1e-8);
  // One that does not bend, and one that bends evenly, are a line and an arc.
  const Road line = road_with(geometry(0, 0, 0, 0, 10, "<spiral curvStart=\"0\" curvEnd=\"0\"/>"));
  expect_pose(line.reference_at(10), 10, 0, 0, 1e-12);
  const Road arc = road_with(geometry(0, 0, 0, 0, 10, "<spiral curvStart=\"0.1\" curvEnd=\"0.1\"/>"));
  expect_pose(arc.reference_at(10), 10 * std::sin(1.0), 10 * (1 - std::cos(1.0)), 1, 1e-10);
}

TEST(OpenDrive, Poly3IsMeasuredAlongTheCurve) {
  const double c = 0.02;
  const Road road = road_with(geometry(0, 0, 0, 0, 60, "<poly3 a=\"0\" b=\"0\" c=\"0.02\" d=\"0\"/>"));
  for (const double u : {0.0, 5.0, 20.0, 40.0}) {
    // Length of the parabola v = c u² from 0 to u.
    const double s = 0.5 * (u * std::sqrt(1 + 4 * c * c * u * u) + std::asinh(2 * c * u) / (2 * c));
    ASSERT_LE(s, 60);
    expect_pose(road.reference_at(s), u, c * u * u, std::atan(2 * c * u), 1e-8);
  }
}

TEST(OpenDrive, ParamPoly3HasTwoRanges) {
  const double length = 30;
  const std::string along =
      "<paramPoly3 aU=\"0\" bU=\"1\" cU=\"0\" dU=\"-0.0001\" aV=\"0\" bV=\"0\" cV=\"0.01\" dV=\"0.0001\" "
      "pRange=\"arcLength\"/>";
  const std::string share =
      fmt::format("<paramPoly3 aU=\"0\" bU=\"{}\" cU=\"0\" dU=\"{}\" aV=\"0\" bV=\"0\" cV=\"{}\" dV=\"{}\"{}/>", length,
                  -0.0001 * std::pow(length, 3), 0.01 * length * length, 0.0001 * std::pow(length, 3), "{}");
  const Road arc_length = road_with(geometry(0, 1, 2, 0.5, length, along));
  for (const char* range : {" pRange=\"normalized\"", ""}) {
    const Road normalized = road_with(geometry(0, 1, 2, 0.5, length, fmt::format(fmt::runtime(share), range)));
    for (const double s : {0.0, 10.0, 30.0}) {
      const double u = s - 0.0001 * s * s * s, v = 0.01 * s * s + 0.0001 * s * s * s;
      const double heading = 0.5 + std::atan2(0.02 * s + 0.0003 * s * s, 1 - 0.0003 * s * s);
      for (const Road* road : {&arc_length, &normalized})
        expect_pose(road->reference_at(s), 1 + u * std::cos(0.5) - v * std::sin(0.5),
                    2 + u * std::sin(0.5) + v * std::cos(0.5), heading, 1e-10);
    }
  }
}

TEST(OpenDrive, LanesHaveTheirBandAndHeightsTheirProfile) {
  const std::string lanes =
      "<laneOffset s=\"0\" a=\"1\" b=\"0\" c=\"0\" d=\"0\"/>"
      "<laneSection s=\"0\">"
      "<left><lane id=\"2\" type=\"sidewalk\"><width sOffset=\"0\" a=\"2\" b=\"0\" c=\"0\" d=\"0\"/></lane>"
      "<lane id=\"1\" type=\"driving\"><width sOffset=\"0\" a=\"3\" b=\"0\" c=\"0\" d=\"0\"/></lane></left>"
      "<center><lane id=\"0\" type=\"none\"/></center>"
      "<right><lane id=\"-1\" type=\"shoulder\"><width sOffset=\"0\" a=\"1\" b=\"0\" c=\"0\" d=\"0\"/></lane>"
      "<lane id=\"-2\" type=\"driving\"><width sOffset=\"0\" a=\"3\" b=\"0\" c=\"0\" d=\"0\"/>"
      "<width sOffset=\"20\" a=\"3\" b=\"0.1\" c=\"0\" d=\"0\"/></lane></right>"
      "</laneSection>"
      "<laneSection s=\"60\"><right><lane id=\"-1\" type=\"sidewalk\"/></right></laneSection>";
  const Road road = road_with(geometry(0, 0, 0, 0, 100, "<line/>"), lanes,
                              "<elevationProfile><elevation s=\"0\" a=\"5\" b=\"0.1\" c=\"0\" d=\"0\"/>"
                              "<elevation s=\"50\" a=\"10\" b=\"0\" c=\"0.01\" d=\"-0.001\"/></elevationProfile>");
  EXPECT_NEAR(road.drivable_at(10)->left_m, 4, 1e-12);
  EXPECT_NEAR(road.drivable_at(10)->right_m, -3, 1e-12) << "a shoulder between two driving lanes is driven over";
  EXPECT_NEAR(road.drivable_at(40)->right_m, -5, 1e-12);
  EXPECT_FALSE(road.drivable_at(70));
  EXPECT_DOUBLE_EQ(value_at(road.elevation, 20), 7);
  EXPECT_DOUBLE_EQ(value_at(road.elevation, 52), 10 + 0.04 - 0.008);
}

TEST(OpenDrive, WhatIsWrittenIsReadAgain) {
  OpenDrive drive = parse_opendrive(
      file_with(geometry(0, 1, 2, 0.25, 20, "<spiral curvStart=\"0\" curvEnd=\"0.05\"/>"),
                "<laneSection s=\"0\"><right><lane id=\"-1\" type=\"driving\"><link><successor id=\"-2\"/></link>"
                "<width sOffset=\"0\" a=\"3.5\" b=\"0\" c=\"0\" d=\"0\"/></lane></right></laneSection>",
                "<elevationProfile><elevation s=\"0\" a=\"0.1\" b=\"0.01\" c=\"0\" d=\"1e-7\"/></elevationProfile>"),
      "test.xodr");
  drive.name = "a <name> & \"quotes\"";
  drive.geo_reference = "+proj=utm +zone=32";
  drive.offset = {500000, 5.4e6, 12.5, 0.25};
  drive.roads[0].successor = RoadLink{true, "12", std::nullopt};
  drive.roads[0].predecessor = RoadLink{false, "3", true};
  for (const char* shape : {"<line/>", "<arc curvature=\"0.01\"/>", "<poly3 a=\"0\" b=\"0\" c=\"0.01\" d=\"-0.0001\"/>",
                            "<paramPoly3 aU=\"0\" bU=\"1\" cU=\"0\" dU=\"0\" aV=\"0\" bV=\"0\" cV=\"0.01\" dV=\"0\" "
                            "pRange=\"arcLength\"/>"}) {
    PlanGeometry g = road_with(geometry(0, 0, 0, 0, 15, shape)).plan_view[0];
    const PlanGeometry& before = drive.roads[0].plan_view.back();
    g.start = before.at(before.length_m);
    g.s_m = before.s_m + before.length_m;
    drive.roads[0].plan_view.push_back(g);
  }
  const std::string text = opendrive_xml(drive);
  const OpenDrive again = parse_opendrive(text, "again.xodr");
  EXPECT_EQ(opendrive_xml(again), text);
  EXPECT_EQ(again.name, drive.name);
  EXPECT_EQ(again.geo_reference, drive.geo_reference);
  EXPECT_EQ(again.offset, drive.offset);
  EXPECT_TRUE(again.left_out.empty());
  const Road& road = again.roads[0];
  EXPECT_TRUE(road.successor->junction);
  EXPECT_EQ(road.predecessor->at_start, true);
  EXPECT_EQ(road.lane_sections[0].lanes[0].successor, -2);
  for (double s = 0; s <= road.length_m(); s += 1.7)
    EXPECT_LT((road.reference_at(s).position - drive.roads[0].reference_at(s).position).norm(), 1e-9) << s;
}

// The centre line of random loops, corners and open paths: written, it runs through their points.
TEST(OpenDrive, APathsRoadRunsThroughItsPoints) {
  Random random(7, stream_of("road test"));
  double worst_m = 0, worst_height_m = 0;
  for (int trial = 0; trial < 60; ++trial) {
    PathScenario scenario;
    scenario.length_m = random.uniform(150.0, 900.0);
    scenario.winding = random.uniform(0.0, 0.5);
    scenario.min_radius_m = random.uniform(6.0, 16.0);
    Path path = make_path_loop(scenario, static_cast<std::uint64_t>(trial));
    path.width_m = random.uniform(2.0, 6.0);
    path.closed = trial % 3 != 0;
    if (!path.closed) path.points.resize(path.points.size() * 2 / 3);
    if (trial % 5 == 0)  // A corner.
      for (std::size_t i = path.points.size() / 2; i < path.points.size(); ++i)
        path.points[i] = path.points[path.points.size() / 2 - 1] +
                         0.5 * static_cast<double>(i + 1 - path.points.size() / 2) * Eigen::Vector3d(0.6, 0.8, 0);
    double height = 0;
    for (Eigen::Vector3d& point : path.points) point.z() = height += 0.03 * random.normal();
    const OpenDrive drive = parse_opendrive(opendrive_xml(opendrive_of(path, "trial", 6)), "trial.xodr");
    const Road& road = drive.roads.at(0);
    double s = 0;
    for (const Eigen::Vector3d& point : path.points) {
      // The nearest place of the road, searched for from where the last one was.
      double best = 1e9, best_s = s;
      for (double step = 0.25; step > 1e-6; step *= 0.5) {
        const double middle = best_s;
        for (double k = -3; k <= 3; ++k) {
          const double candidate = std::clamp(middle + k * step, 0.0, road.length_m());
          const double off = (road.reference_at(candidate).position - point.head<2>()).norm();
          if (off < best) {
            best = off;
            best_s = candidate;
          }
        }
      }
      worst_m = std::max(worst_m, best);
      worst_height_m = std::max(worst_height_m, std::abs(value_at(road.elevation, best_s) - point.z()));
      s = best_s + 0.45;
    }
    // Geometries meet, in place and, but for corners, in direction.
    int corners = 0;
    for (std::size_t i = 1; i < road.plan_view.size(); ++i) {
      const PlanPose end = road.plan_view[i - 1].at(1e9), begin = road.plan_view[i].start;
      EXPECT_LT((end.position - begin.position).norm(), 1e-6);
      corners += std::abs(std::remainder(end.heading_rad - begin.heading_rad, 2 * kPi)) > 2e-5;
    }
    EXPECT_LE(corners, trial % 5 == 0 ? 2 : 0) << trial;
    EXPECT_NEAR(road.drivable_at(3)->left_m, 0.5 * path.width_m, 1e-9);
    EXPECT_NEAR(road.drivable_at(3)->right_m, -0.5 * path.width_m, 1e-9);
    EXPECT_EQ(road.successor.has_value(), path.closed);
  }
  RecordProperty("worst_mm", std::to_string(1000 * worst_m));
  EXPECT_LT(worst_m, 0.0003);
  EXPECT_LT(worst_height_m, 0.001);
  EXPECT_THROW(opendrive_of(Path{}, "nothing", 6), Error);
  Path point;
  point.points.assign(5, Eigen::Vector3d(1, 2, 3));
  EXPECT_THROW(opendrive_of(point, "a point", 6), Error);
}

TEST(OpenDrive, PassesOverWhatItDoesNotNeed) {
  const OpenDrive drive = parse_opendrive(
      "<?xml version=\"1.0\"?><!DOCTYPE OpenDRIVE><OpenDRIVE xmlns=\"http://code.asam.net/simulation/standard\">"
      "<header revMajor=\"1\" revMinor=\"7\" date=\"x\"><userData code=\"a\"/></header>"
      "<road id=\"a\" length=\"12\"><userData/><planView><geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"10\">"
      "<userData/><line/></geometry></planView><lateralProfile><superelevation s=\"0\" a=\"0.1\" b=\"0\" c=\"0\" "
      "d=\"0\"/>"
      "</lateralProfile><objects><object/><object/></objects><signals><signal/></signals></road>"
      "<junction id=\"5\"/><controller/></OpenDRIVE>",
      "test.xodr");
  EXPECT_EQ(drive.roads[0].plan_view.size(), 1U);
  EXPECT_THAT(drive.left_out, testing::UnorderedElementsAre(
                                  "2 objects", "1 signal", "1 lateral profile record", "1 junction", "1 controller",
                                  "the length of road 'a': it says 12 m, its geometries come to 10.000 m"));
}

TEST(OpenDrive, SaysWhatIsWrong) {
  const std::string line = geometry(0, 0, 0, 0, 50, "<line/>");
  const auto with = [](const std::string& plan) { return message_of(file_with(plan)); };
  EXPECT_THAT(message_of(""), HasSubstr("test.xodr:1: is not well-formed XML"));
  EXPECT_THAT(message_of("<OpenDRIVE>\n<road>\n</OpenDRIVE>"), HasSubstr("test.xodr:3: is not well-formed XML"));
  EXPECT_THAT(message_of("<osm/>"), HasSubstr("no OpenDRIVE file: its root element is <osm>"));
  EXPECT_THAT(message_of("<OpenDRIVE/>"), HasSubstr("holds no <road>"));
  EXPECT_THAT(message_of("<OpenDRIVE><junction/></OpenDRIVE>"), HasSubstr("only junctions"));
  EXPECT_THAT(message_of("<OpenDRIVE><header revMajor=\"2\" revMinor=\"0\"/></OpenDRIVE>"), HasSubstr("revision 2.0"));
  EXPECT_THAT(message_of("<OpenDRIVE>\n<road/></OpenDRIVE>"),
              HasSubstr("test.xodr:2: road 'without id': <road> lacks 'id'"));
  EXPECT_THAT(message_of("<OpenDRIVE>\n<road id=\"3\"/></OpenDRIVE>"),
              HasSubstr("test.xodr:2: road '3': there is no <planView>"));
  EXPECT_THAT(message_of("<OpenDRIVE><road id=\"3\"><planView/></road></OpenDRIVE>"), HasSubstr("holds no <geometry>"));
  const std::string road = "<road id=\"3\"><planView>" + line + "</planView></road>";
  EXPECT_THAT(message_of("<OpenDRIVE>" + road + road + "</OpenDRIVE>"), HasSubstr("two roads of id '3'"));
  EXPECT_THAT(with("<geometry s=\"0\" y=\"0\" hdg=\"0\" length=\"50\"><line/></geometry>"),
              AllOf(HasSubstr("test.xodr:6: road '7':"), HasSubstr("<geometry> lacks 'x'")));
  EXPECT_THAT(with("<geometry s=\"0\" x=\"0\" y=\"0\" hdg=\"0\" length=\"nan\"><line/></geometry>"),
              HasSubstr("length of <geometry> is nan"));
  EXPECT_THAT(with("<geometry s=\"0\" x=\"1,5\" y=\"0\" hdg=\"0\" length=\"1\"><line/></geometry>"),
              HasSubstr("x of <geometry> is '1,5', must be a number with a decimal point"));
  EXPECT_THAT(with(geometry(0, 1e12, 0, 0, 50, "<line/>")), HasSubstr("give coordinates in metres"));
  EXPECT_THAT(with(geometry(0, 0, 0, 0, -50, "<line/>")), HasSubstr("lengths cannot be negative"));
  EXPECT_THAT(with(geometry(0, 0, 0, 0, 1e7, "<line/>")), HasSubstr("at most 50 km"));
  EXPECT_THAT(with(geometry(0, 0, 0, 0, 50, "<bezier/>")), HasSubstr("holds <bezier>, must hold one of line, arc"));
  EXPECT_THAT(with(geometry(0, 0, 0, 0, 50, "")), HasSubstr("holds no element"));
  EXPECT_THAT(with(geometry(0, 0, 0, 0, 50, "<arc curvature=\"50\"/>")), HasSubstr("curvature is 1 / radius"));
  EXPECT_THAT(with(geometry(0, 0, 0, 0, 500, "<spiral curvStart=\"0\" curvEnd=\"9\"/>")),
              HasSubstr("winds round more than 20 times"));
  EXPECT_THAT(with(geometry(0, 0, 0, 0, 50,
                            "<paramPoly3 aU=\"0\" bU=\"1\" cU=\"0\" dU=\"0\" aV=\"0\" bV=\"0\" cV=\"0\" dV=\"0\" "
                            "pRange=\"arc\"/>")),
              HasSubstr("pRange is 'arc', must be normalized or arcLength"));
  EXPECT_THAT(with(geometry(5, 0, 0, 0, 50, "<line/>")), HasSubstr("must begin at 0"));
  EXPECT_THAT(with(line + geometry(0, 50, 0, 0, 50, "<line/>")), HasSubstr("s = 0 after s = 0; s must rise"));
  EXPECT_THAT(with(line + geometry(60, 50, 0, 0, 50, "<line/>")), HasSubstr("s must be the sum of the lengths"));
  EXPECT_THAT(with(line + geometry(50, 53, 0, 0, 50, "<line/>")),
              AllOf(HasSubstr("a gap of 3.00 m"), HasSubstr("ends at (50.000, 0.000)")));
  EXPECT_THAT(message_of(file_with(line, "",
                                   "<elevationProfile><elevation s=\"9\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/>"
                                   "<elevation s=\"3\" a=\"0\" b=\"0\" c=\"0\" d=\"0\"/></elevationProfile>")),
              HasSubstr("<elevation> has s = 3 after 9"));
  EXPECT_THAT(message_of(file_with(line,
                                   "<laneSection s=\"0\"><right><lane id=\"-1\" type=\"driving\"><border "
                                   "sOffset=\"0\" a=\"-3\" b=\"0\" c=\"0\" d=\"0\"/></lane></right></laneSection>")),
              HasSubstr("lane -1 is given by <border>"));
  EXPECT_THAT(message_of(file_with(line, "<laneSection s=\"0\"><right><lane id=\"1\"/></right></laneSection>")),
              HasSubstr("lane 1 stands under <right>"));
  EXPECT_THAT(message_of(file_with(line, "<laneSection s=\"0\"><right><lane/></right></laneSection>")),
              HasSubstr("<lane> lacks 'id'"));
}

}  // namespace
}  // namespace bramble
