#include "bramble/ontology/ontology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Ontology, EveryShippedFileLoadsAndRoundTrips) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(BRAMBLE_SOURCE_DIR) / "ontologies")) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const auto ontology = Ontology::load(entry.path());
    const auto copy = fs::temp_directory_path() / "bramble_ontology_copy.yaml";
    write_file_atomically(copy, ontology.to_yaml());
    const auto again = Ontology::load(copy);
    ASSERT_EQ(again, ontology) << entry.path();
    for (const auto& c : ontology.classes()) {
      const auto same = [&](const SemanticClass& other) { return other.color == c.color; };
      const bool shared = std::count_if(again.classes().begin(), again.classes().end(), same) > 1;
      EXPECT_EQ(again.find_color(c.color), shared ? std::nullopt : std::optional(c.id));
      EXPECT_EQ(again[c.id].raw, c.raw);
      EXPECT_EQ(again[c.id].means, c.means);
      EXPECT_EQ(again.find_raw(ontology.raw_of(c.id)), c.id) << c.name;
      if (c.carla_tag > 0) {
        EXPECT_EQ(again.find_carla_tag(c.carla_tag), c.id);
      }
    }
    fs::remove(copy);
  }
  EXPECT_GE(files, 9);
}

TEST(Ontology, BrambleHasTheSevenClasses) {
  const auto ontology = Ontology::load(fs::path(BRAMBLE_SOURCE_DIR) / "ontologies/bramble.yaml");
  ASSERT_EQ(ontology.size(), 7u);
  for (const char* name : {"grass", "dirt", "tree", "bush", "rubble", "water", "sky"})
    EXPECT_TRUE(ontology.find(name)) << name;
}

TEST(Ontology, UnknownClassNamesTheNearest) {
  const Ontology ontology("test", {{0, "grass", {0, 1, 0}, 0}, {1, "bush", {1, 0, 0}, 0}});
  const auto text = message_of([&] { (void)ontology.require("gras"); });
  EXPECT_NE(text.find("unknown class 'gras'; ontology test has: grass, bush; did you mean 'grass'?"), std::string::npos)
      << text;
}

TEST(Ontology, RefusesGapsAndDoubles) {
  using Classes = std::vector<SemanticClass>;
  EXPECT_NE(message_of([] { Ontology("t", Classes{{1, "a", {}, 0}}); }).find("expected 0"), std::string::npos);
  EXPECT_NE(message_of([] {
              Ontology("t", Classes{{0, "a", {1, 2, 3}, 0}, {1, "a", {3, 2, 1}, 0}});
            }).find("stands twice"),
            std::string::npos);
  EXPECT_NE(message_of([] {
              Ontology("t", Classes{{0, "a", {1, 2, 3}, 0}, {1, "b", {1, 2, 3}, 0}});
            }).find("same colour"),
            std::string::npos);
}

TEST(Ontology, RawValuesOfPublicDataSets) {
  const auto rellis = find_ontology("rellis3d");
  EXPECT_EQ(rellis.find_raw(3), rellis.find("grass"));
  EXPECT_EQ(rellis.find_raw(30), rellis.find("grass"));
  EXPECT_EQ(rellis.find_raw(0), kIgnoreId) << "void";
  EXPECT_EQ(rellis.find_raw(2), std::nullopt) << "no class has 2";
  EXPECT_EQ(rellis.raw_of(rellis.require("rubble")), 34);
  EXPECT_EQ(rellis.raw_of(kIgnoreId), 0);
  EXPECT_FALSE(rellis.raw_is_id());
  const auto kitti = find_ontology("semantickitti");
  EXPECT_EQ(kitti.find_raw(252), kitti.find("car")) << "moving-car";
  EXPECT_EQ(find_ontology("goose").find_color({209, 87, 160}), std::nullopt) << "snow and hedge";
  EXPECT_EQ(find_ontology("cityscapes").find_raw(7), ClassId{0});
  EXPECT_THAT(message_of([] { find_ontology("rellis"); }), testing::HasSubstr("did you mean 'rellis3d'?"));
}

TEST(Ontology, RefusesRawValuesThatStandTwice) {
  EXPECT_THAT(message_of([] {
                Ontology("t", {{0, "a", {1, 2, 3}, 0, {4}}, {1, "b", {1, 2, 4}, 0, {5, 4}}});
              }),
              testing::HasSubstr("raw value 4 stands for 'a' and 'b'"));
  EXPECT_THAT(message_of([] {
                Ontology("t", {{0, "a", {1, 2, 3}, 0, {4}}}, {{4, "void", {}}});
              }),
              testing::HasSubstr("raw value 4"));
}

TEST(Ontology, GaiaJsonComesBack) {
  const auto goose = find_ontology("goose");
  const auto again = Ontology::from_gaia_json(goose.to_gaia_json(), "goose", "x.json");
  EXPECT_EQ(again, goose);
  const auto gaps = Ontology::from_gaia_json(
      R"({"b": {"idx": 9, "rgb": [1, 2, 3]}, "a": {"idx": 4, "rgb": [0, 0, 0]}})", "gaps", "x.json");
  EXPECT_EQ(gaps[0].name, "a");
  EXPECT_EQ(gaps.find_raw(9), ClassId{1});
  EXPECT_THAT(message_of([] { Ontology::from_gaia_json(R"({"a": {"idx": 1}})", "t", "x.json"); }),
              testing::HasSubstr("x.json: class 'a' needs rgb"));
}

TEST(Ontology, ColorizeShowsIgnoredPixelsBlack) {
  const Ontology ontology("test", {{0, "grass", {9, 8, 7}, 0}});
  ImageU8 labels(2, 1, 1);
  labels.data = {0, kIgnoreId};
  EXPECT_EQ(ontology.colorize(labels).data, (std::vector<std::uint8_t>{9, 8, 7, 0, 0, 0}));
}

}  // namespace
}  // namespace bramble
