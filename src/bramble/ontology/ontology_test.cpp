#include "bramble/ontology/ontology.hpp"

#include <gtest/gtest.h>

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
      EXPECT_EQ(again.find_color(c.color), c.id);
      if (c.carla_tag > 0) {
        EXPECT_EQ(again.find_carla_tag(c.carla_tag), c.id);
      }
    }
    fs::remove(copy);
  }
  EXPECT_GT(files, 0);
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

TEST(Ontology, ColorizeShowsIgnoredPixelsBlack) {
  const Ontology ontology("test", {{0, "grass", {9, 8, 7}, 0}});
  ImageU8 labels(2, 1, 1);
  labels.data = {0, kIgnoreId};
  EXPECT_EQ(ontology.colorize(labels).data, (std::vector<std::uint8_t>{9, 8, 7, 0, 0, 0}));
}

}  // namespace
}  // namespace bramble
