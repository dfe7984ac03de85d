#include "bramble/dataset/model_package.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/dataset/safetensors.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

class ModelPackage : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    info_.ontology = Ontology("two", {{0, "grass", {0, 102, 0}, 1}, {1, "sky", {0, 0, 255}, 2}});
    info_.width = 64;
    info_.height = 48;
    info_.decoder = "none";
    info_.provenance = {{"train", "a: \"quoted\" # name"}, {"seed", "7"}};
    info_.history = {{{"epoch", 1}, {"loss", 0.5}}};
    write_safetensors(model_weights_file(folder_), {{"w", {{1}, {2.0F}}}});
    save_model_info(folder_, info_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  /// Replaces text in a file of the package, then says why it is refused.
  std::string refusal(const char* name, const std::string& from, const std::string& to) {
    const std::string before = read_text_file(folder_ / name);
    std::string text = before;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " in\n" << text;
    write_file_atomically(folder_ / name, std::string_view(text.replace(at, from.size(), to)));
    std::string why = "it was read";
    try {
      load_model_info(folder_);
    } catch (const Error& error) {
      why = error.what();
    }
    write_file_atomically(folder_ / name, std::string_view(before));
    return why;
  }
  fs::path folder_ = fs::temp_directory_path() / ("bramble_package_" + std::to_string(getpid()));
  ModelInfo info_;
};

TEST_F(ModelPackage, ComesBackAsItWas) {
  const ModelInfo back = load_model_info(folder_);
  EXPECT_EQ(back.architecture, info_.architecture);
  EXPECT_EQ(back.backbone, info_.backbone);
  EXPECT_EQ(back.decoder, "none");
  EXPECT_EQ(back.width, 64);
  EXPECT_EQ(back.height, 48);
  EXPECT_EQ(back.mean, info_.mean);
  EXPECT_EQ(back.stddev, info_.stddev);
  EXPECT_EQ(back.ontology, info_.ontology);
  EXPECT_EQ(back.provenance, info_.provenance);
  EXPECT_EQ(back.history, info_.history);
}

TEST_F(ModelPackage, WithMistakesIsRefusedByNameAndValue) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal("model.yaml", "format: 1", "format: 2"), HasSubstr("format"));
  EXPECT_THAT(refusal("model.yaml", "decoder: none", "decoder: nano"), HasSubstr("nano"));
  EXPECT_THAT(refusal("model.yaml", "acfnet", "resnet"), HasSubstr("resnet"));
  EXPECT_THAT(refusal("model.yaml", "width: 64", "width: 60"), HasSubstr("16"));
  EXPECT_THAT(refusal("model.yaml", "width: 64", "widht: 64"), HasSubstr("width"));
  EXPECT_THAT(refusal("model.yaml", "classes: 2", "classes: 3"), HasSubstr("3 classes"));
  EXPECT_THAT(refusal("model.yaml", "std: [0.50", "std: [0, 0.50"), HasSubstr("std"));
  EXPECT_THAT(refusal("model.yaml", "std: [0.5019607843137255", "std: [0"), HasSubstr("std"));
  EXPECT_THAT(refusal("model.yaml", "input:", "input: ]"), HasSubstr("model.yaml"));
  EXPECT_THAT(refusal("ontology.yaml", "id: 1", "id: 3"), HasSubstr("ontology.yaml"));
}

TEST_F(ModelPackage, ThatIsNotWholeSaysWhatIsMissing) {
  for (const char* name : {"model.yaml", "weights.safetensors", "ontology.yaml"}) {
    fs::rename(folder_ / name, folder_ / "aside");
    try {
      load_model_info(folder_);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(name));
    }
    fs::rename(folder_ / "aside", folder_ / name);
  }
  EXPECT_THROW(load_model_info(folder_ / "nowhere"), Error);
}

}  // namespace
}  // namespace bramble
