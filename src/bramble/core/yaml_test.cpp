#include "bramble/core/yaml.hpp"

#include <gtest/gtest.h>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

TEST(Yaml, ReportsEveryProblemWithLineAndSuggestion) {
  YamlReader reader("fov_deg: 200\nsky:\n  cloudiness: many\n  turbidty: 3\n", "cam.yaml");
  YamlBlock root = reader.root();
  double fov_deg = 90, cloudiness = 0.5, turbidity = 2;
  root.get("fov_deg", fov_deg, 1, 179);
  YamlBlock sky = root.block("sky");
  sky.get("cloudiness", cloudiness);
  sky.get("turbidity", turbidity);
  try {
    reader.finish();
    FAIL() << "three mistakes were accepted";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("cam.yaml:1: 'fov_deg' is 200, must lie in [1, 179]"), std::string::npos) << text;
    EXPECT_NE(text.find("cam.yaml:3: 'sky.cloudiness' must be a number, not many"), std::string::npos) << text;
    EXPECT_NE(text.find("cam.yaml:4: unknown key 'sky.turbidty'; did you mean 'turbidity'?"), std::string::npos)
        << text;
  }
  EXPECT_EQ(fov_deg, 90) << "a refused value must not be taken";
}

TEST(Yaml, BrokenTextNamesTheLine) {
  try {
    YamlReader reader("a: 1\nb: [1, 2\n", "x.yaml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("x.yaml:", 0), 0u) << error.what();
  }
}

}  // namespace
}  // namespace bramble
