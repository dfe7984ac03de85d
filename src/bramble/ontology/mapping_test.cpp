#include "bramble/ontology/mapping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string becomes(const OntologyMapping& mapping, const std::string& name) {
  const ClassId id = mapping[mapping.from().require(name)];
  return id == kIgnoreId ? "(ignored)" : mapping.to()[id].name;
}

// Two routes to one answer: what the shipped files say by hand, and what follows from the meanings.
TEST(OntologyMapping, ShippedFilesAgreeWithTheMeanings) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(BRAMBLE_SOURCE_DIR) / "ontologies" / "mappings")) {
    const std::string stem = entry.path().stem().string();
    const auto middle = stem.find("_to_");
    ASSERT_NE(middle, std::string::npos) << stem;
    const auto from = find_ontology(stem.substr(0, middle)), to = find_ontology(stem.substr(middle + 4));
    const auto said = OntologyMapping::load(entry.path(), from, to), derived = OntologyMapping::derive(from, to);
    for (const auto& c : from.classes())
      EXPECT_EQ(becomes(said, c.name), becomes(derived, c.name)) << stem << ": " << c.name;
    ++files;
  }
  EXPECT_EQ(files, 6);
}

TEST(OntologyMapping, AnyTwoShippedOntologiesMap) {
  for (const auto& a : shipped_ontologies())
    for (const auto& b : shipped_ontologies()) {
      const auto mapping = OntologyMapping::find(find_ontology(a), find_ontology(b));
      EXPECT_LT(mapping.loss().ignored.size(), mapping.from().size()) << a << " to " << b << ": nothing is left";
      for (const auto& line : mapping.lines()) EXPECT_TRUE(line.to == kIgnoreId || line.to < mapping.to().size());
      if (a == b) {
        EXPECT_TRUE(mapping.loss().ignored.empty() && mapping.loss().merged.empty()) << a;
      }
    }
}

TEST(OntologyMapping, GoesToMoreGeneralClassesNeverToMoreSpecialOnes) {
  const auto goose = find_ontology("goose"), cityscapes = find_ontology("cityscapes");
  const auto up = OntologyMapping::derive(goose, cityscapes);
  EXPECT_EQ(becomes(up, "hedge"), "vegetation");
  EXPECT_EQ(becomes(up, "high_grass"), "terrain");
  EXPECT_EQ(becomes(up, "trailer"), "car") << "Cityscapes' car stands for vehicles";
  EXPECT_EQ(becomes(up, "water"), "(ignored)");
  const auto down = OntologyMapping::derive(cityscapes, goose);
  EXPECT_EQ(becomes(down, "vegetation"), "scenery_vegetation");
  EXPECT_EQ(becomes(OntologyMapping::derive(cityscapes, find_ontology("bramble")), "vegetation"), "(ignored)")
      << "tree or bush? nobody knows";
}

TEST(OntologyMapping, ApplyAndLoss) {
  const Ontology from("from", {{0, "a", {1, 0, 0}}, {1, "b", {2, 0, 0}}, {2, "c", {3, 0, 0}}});
  const Ontology to("to", {{0, "B", {1, 0, 0}}, {1, "x", {2, 0, 0}}, {2, "A", {3, 0, 0}}});
  const auto mapping = OntologyMapping::derive(from, to);
  ImageU8 labels(5, 1, 1);
  labels.data = {0, 1, 2, kIgnoreId, 7};
  mapping.apply(labels);
  EXPECT_EQ(labels.data, (std::vector<std::uint8_t>{2, 0, kIgnoreId, kIgnoreId, kIgnoreId}));
  const auto loss = mapping.loss();
  EXPECT_EQ(loss.ignored, std::vector<ClassId>{2});
  EXPECT_EQ(loss.never, std::vector<ClassId>{1});
  EXPECT_TRUE(loss.merged.empty());
  const auto rellis = OntologyMapping::find(find_ontology("rellis3d"), find_ontology("bramble"));
  const auto water = rellis.to().require("water");
  EXPECT_EQ(rellis.loss().merged.at(water).size(), 2u);
  EXPECT_THAT(to_text(rellis), HasSubstr("merged    water <- water, puddle"));
  EXPECT_THAT(to_html(rellis), HasSubstr("Merged into water"));
}

TEST(OntologyMapping, FileMustSayEveryClassOnce) {
  const auto from = find_ontology("bramble"), to = find_ontology("rellis3d");
  const fs::path file = fs::temp_directory_path() / "bramble_mapping_test.yaml";
  const auto error = [&](const std::string& text) {
    write_file_atomically(file, text);
    return message_of([&] { OntologyMapping::load(file, from, to); });
  };
  EXPECT_EQ(error(OntologyMapping::derive(from, to).to_yaml()), "no error") << "to_yaml reads back";
  const auto text = error(
      "from: bramble\nto: rellis3d\nclasses:\n  grass: gras\n  dirt: dirt\n  leaf: tree\n"
      "ignore: [dirt, tree, bush, rubble, sky]\n");
  EXPECT_THAT(text, HasSubstr(":4:"));
  EXPECT_THAT(text, HasSubstr("did you mean 'grass'?"));
  EXPECT_THAT(text, HasSubstr("unknown class 'leaf'"));
  EXPECT_THAT(text, HasSubstr("says 'dirt' a second time"));
  EXPECT_THAT(text, HasSubstr("says nothing of grass, water"));
  EXPECT_THAT(error("from: rugd\nto: rellis3d\n"), HasSubstr("is 'rugd', the labels are of 'bramble'"));
  fs::remove(file);
}

}  // namespace
}  // namespace bramble
