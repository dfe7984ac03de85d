#include "bramble/world/asset_library.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"

namespace bramble {
namespace {

namespace fs = std::filesystem;

class AssetLibraryTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("bramble_assets_{}_{}", ::getpid(),
                                                      testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    ontology_ = Ontology::load(fs::path(BRAMBLE_SOURCE_DIR) / "ontologies/bramble.yaml");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) { write_file_atomically(folder_ / name, text); }
  AssetLibrary load() { return load_assets(folder_, ontology_); }
  std::string refusal() {
    try {
      load();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  fs::path folder_;
  Ontology ontology_;
};

// A wedge 2 wide (x), 3 high (y), 4 deep (z), its lowest corner at y = 5.
const char* const kWedge = "v -1 5 -2\nv 1 5 -2\nv 0 8 -2\nv 0 5 2\nf 1 2 3\nf 1 4 2\nf 2 4 3\nf 1 3 4\n";

TEST_F(AssetLibraryTest, AxesFootAndSize) {
  write("rubble/wedge.obj", kWedge);
  const auto library = load();
  ASSERT_EQ(library.assets.size(), 1u);
  EXPECT_EQ(library.assets[0].class_id, ontology_.require("rubble"));
  // y up becomes z up: x from z, y from x.
  EXPECT_TRUE(library.assets[0].size_m.isApprox(Eigen::Vector3f(4, 2, 3))) << library.assets[0].size_m.transpose();
  float lowest = 1e9F;
  for (const auto& p : library.meshes[0].positions) lowest = std::min(lowest, p.z());
  EXPECT_EQ(lowest, 0);
}

TEST_F(AssetLibraryTest, SidecarScalesAndTurns) {
  write("rubble/wedge.obj", kWedge);
  write("rubble/wedge.yaml", "up: z\nsize_m: 2\nstretch: [1, 1, 0.5]\ncollision: false\n");
  const auto library = load();
  EXPECT_TRUE(library.assets[0].size_m.isApprox(Eigen::Vector3f(1, 1.5, 1))) << library.assets[0].size_m.transpose();
  EXPECT_FALSE(library.assets[0].sidecar.collision);
  write("rubble/wedge.yaml", "collison: false\nup: q\n");
  EXPECT_NE(refusal().find("did you mean 'collision'?"), std::string::npos) << refusal();
  EXPECT_NE(refusal().find("must be one of: y, z"), std::string::npos) << refusal();
}

TEST_F(AssetLibraryTest, OrderIsByClassAndName) {
  for (const char* name : {"tree/b.obj", "tree/a.obj", "bush/z.obj", "rubble/heap/heap.obj"}) write(name, kWedge);
  const auto library = load();
  std::vector<std::string> names;
  for (const auto& asset : library.assets) names.push_back(asset.class_name + "/" + asset.name);
  EXPECT_EQ(names, (std::vector<std::string>{"bush/z", "rubble/heap", "tree/a", "tree/b"}));
}

TEST_F(AssetLibraryTest, MistakesAreNamed) {
  write("gras/wedge.obj", kWedge);
  EXPECT_NE(refusal().find("unknown class 'gras'"), std::string::npos);
  EXPECT_NE(refusal().find("did you mean 'grass'?"), std::string::npos);
  fs::remove_all(folder_ / "gras");
  write("tree/broken.glb", "glTF but not really");
  EXPECT_NE(refusal().find("broken.glb: not a readable mesh"), std::string::npos) << refusal();
  fs::remove_all(folder_ / "tree");
  write("tree/empty.obj", "v 0 0 0\nv 1 0 0\nl 1 2\n");
  EXPECT_NE(refusal().find("empty.obj"), std::string::npos) << refusal();
  fs::remove_all(folder_ / "tree");
  write("tree/leaf.obj", std::string("mtllib leaf.mtl\nusemtl leaf\n") + kWedge);
  write("tree/leaf.mtl", "newmtl leaf\nmap_Kd missing.png\n");
  EXPECT_NE(refusal().find("missing.png is missing"), std::string::npos) << refusal();
}

TEST_F(AssetLibraryTest, CutOutsAndSharedTextures) {
  ImageU8 picture(4, 4, 4, 200);
  write_png(folder_ / "bush/leaf.png", picture);
  for (const char* name : {"a", "b"}) {
    write(fmt::format("bush/{}.obj", name),
          fmt::format("mtllib {}.mtl\nusemtl leaf\nvt 0 0\nvt 1 0\nvt 0 1\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1 2/2 3/3\n",
                      name));
    write(fmt::format("bush/{}.mtl", name), "newmtl leaf\nmap_Kd leaf.png\nmap_d leaf.png\n");
  }
  const auto library = load();
  EXPECT_EQ(library.textures.size(), 1u);
  EXPECT_EQ(library.textures[0], picture);
  ASSERT_EQ(library.materials.size(), 2u);
  EXPECT_GT(library.materials[0].alpha_cutoff, 0);
  // v counts downwards: the corner (0, 0) of the file is the bottom left of the picture.
  EXPECT_TRUE(std::any_of(library.meshes[0].uvs.begin(), library.meshes[0].uvs.end(),
                          [](const auto& uv) { return uv == Eigen::Vector2f(0, 1); }));
}

}  // namespace
}  // namespace bramble
