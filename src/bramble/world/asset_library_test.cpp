#include "bramble/world/asset_library.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/parallel.hpp"

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
  // The same picture in another folder is the same texture.
  write("tree/c.obj", "mtllib c.mtl\nusemtl leaf\nvt 0 0\nvt 1 0\nvt 0 1\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1 2/2 3/3\n");
  write("tree/c.mtl", "newmtl leaf\nmap_Kd copy.png\nmap_d copy.png\n");
  fs::copy_file(folder_ / "bush/leaf.png", folder_ / "tree/copy.png");
  const auto library = load();
  EXPECT_EQ(library.textures.size(), 1u);
  EXPECT_EQ(library.textures[0], picture);
  ASSERT_EQ(library.materials.size(), 3u);
  EXPECT_EQ(library.materials[2].color_texture, library.materials[0].color_texture);
  EXPECT_GT(library.materials[0].alpha_cutoff, 0);
  // v counts downwards: the corner (0, 0) of the file is the bottom left of the picture.
  EXPECT_TRUE(std::any_of(library.meshes[0].uvs.begin(), library.meshes[0].uvs.end(),
                          [](const auto& uv) { return uv == Eigen::Vector2f(0, 1); }));
}

// A binary glTF of one triangle (0, 0, 0), (0, 2, 0), (0, 0, 3) in glTF's axes, with the given material.
std::vector<std::uint8_t> triangle_glb(const std::string& material) {
  const std::array<float, 9> positions = {0, 0, 0, 0, 2, 0, 0, 0, 3};
  std::string json = fmt::format(
      R"({{"asset":{{"version":"2.0"}},"scene":0,"scenes":[{{"nodes":[0]}}],"nodes":[{{"mesh":0}}],)"
      R"("meshes":[{{"primitives":[{{"attributes":{{"POSITION":0}},"material":0}}]}}],"materials":[{}],)"
      R"("accessors":[{{"bufferView":0,"componentType":5126,"count":3,"type":"VEC3","min":[0,0,0],"max":[0,2,3]}}],)"
      R"("bufferViews":[{{"buffer":0,"byteLength":36}}],"buffers":[{{"byteLength":36}}]}})",
      material);
  json.resize((json.size() + 3) / 4 * 4, ' ');
  std::vector<std::uint8_t> bytes;
  const auto word = [&](std::uint32_t value) {
    for (int k = 0; k < 4; ++k) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * k)));
  };
  const auto length = static_cast<std::uint32_t>(json.size());
  for (const std::uint32_t value : {0x46546c67U, 2U, 12 + 8 + length + 8 + 36, length, 0x4e4f534aU}) word(value);
  bytes.insert(bytes.end(), json.begin(), json.end());
  word(36);
  word(0x004e4942);
  const auto* first = reinterpret_cast<const std::uint8_t*>(positions.data());
  bytes.insert(bytes.end(), first, first + 36);
  return bytes;
}

TEST_F(AssetLibraryTest, BinaryGltfMaterialsAndAxes) {
  write_file_atomically(
      folder_ / "bush/cut.glb",
      triangle_glb(R"({"alphaMode":"MASK","alphaCutoff":0.25,"doubleSided":true,)"
                   R"("pbrMetallicRoughness":{"baseColorFactor":[0.5,0.25,0.125,1],"roughnessFactor":0.75}})"));
  write("bush/cut.yaml", "translucency: 0.5\n");
  write_file_atomically(folder_ / "bush/solid.glb", triangle_glb(R"({"name":"plain"})"));
  write("bush/solid.yaml", "translucency: 0.5\n");
  const auto library = load();
  ASSERT_EQ(library.assets.size(), 2u);
  const Material& cut = library.materials[library.meshes[0].triangle_material[0]];
  EXPECT_EQ(cut.alpha_cutoff, 0.25F);
  EXPECT_EQ(cut.translucency, 0.5F);
  EXPECT_EQ(cut.roughness, 0.75F);
  EXPECT_EQ(cut.color, Eigen::Vector3f(0.5F, 0.25F, 0.125F));
  const Material& solid = library.materials[library.meshes[1].triangle_material[0]];
  EXPECT_EQ(solid.alpha_cutoff, 0);
  EXPECT_EQ(solid.translucency, 0);
  // (x, y, z) of glTF is (z, x, y) here; a missing normal is made from the triangle, turning with its corners.
  const Mesh& mesh = library.meshes[0];
  EXPECT_EQ(library.assets[0].size_m, Eigen::Vector3f(3, 0, 2));
  EXPECT_EQ(mesh.positions[1], Eigen::Vector3f(0, 0, 2));
  EXPECT_EQ(mesh.positions[2], Eigen::Vector3f(3, 0, 0));
  EXPECT_TRUE(mesh.normals[0].isApprox(Eigen::Vector3f(0, 1, 0))) << mesh.normals[0].transpose();
  // Leaves are no foot; the same triangle of wood is one.
  EXPECT_EQ(library.assets[0].foot_radius_m, 0);
  EXPECT_EQ(library.assets[1].foot_radius_m, 3);
}

TEST_F(AssetLibraryTest, TrianglesWithoutAreaAreLeftOut) {
  write("rubble/wedge.obj", std::string(kWedge) + "v 50 50 50\nf 1 1 2\n");
  const auto library = load();
  EXPECT_EQ(library.meshes[0].triangles.size(), 4u);
  EXPECT_TRUE(library.assets[0].size_m.isApprox(Eigen::Vector3f(4, 2, 3))) << library.assets[0].size_m.transpose();
  write("rubble/wedge.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n");
  EXPECT_NE(refusal().find("wedge.obj: the mesh has no triangles"), std::string::npos) << refusal();
}

TEST_F(AssetLibraryTest, KindComesFromTheNameUnlessGiven) {
  write("rubble/slate_07.obj", kWedge);
  EXPECT_EQ(load().assets[0].sidecar.kind, "slate");
  write("rubble/slate_07.yaml", "kind: flagstone\n");
  EXPECT_EQ(load().assets[0].sidecar.kind, "flagstone");
}

TEST_F(AssetLibraryTest, ContradictionsAreNamed) {
  write("rubble/wedge.obj", kWedge);
  write("rubble/wedge.yaml", "scale: 2\nsize_m: 1\nstretch: [1, 0, 1]\n");
  EXPECT_NE(refusal().find("either scale or size_m"), std::string::npos) << refusal();
  EXPECT_NE(refusal().find("factors must be above 0"), std::string::npos) << refusal();
  fs::remove(folder_ / "rubble/wedge.yaml");
  write("rubble/wedge/wedge.obj", kWedge);
  EXPECT_NE(refusal().find("are both named wedge"), std::string::npos) << refusal();
}

TEST_F(AssetLibraryTest, SameForAnyNumberOfThreads) {
  for (int k = 0; k < 12; ++k) {
    write(fmt::format("rubble/stone_{:02}.obj", k), fmt::format("mtllib {0}.mtl\nusemtl m{0}\n", k) + kWedge);
    write(fmt::format("rubble/{}.mtl", k), fmt::format("newmtl m{0}\nKd 0.{0} 0.5 0.5\nmap_Kd {1}.png\n", k, k % 3));
    write_png(folder_ / fmt::format("rubble/{}.png", k % 3), ImageU8(4, 4, 3, static_cast<std::uint8_t>(40 * (k % 3))));
  }
  const int before = thread_count();
  set_thread_count(1);
  const auto one = load();
  set_thread_count(4);
  const auto four = load();
  set_thread_count(before);
  EXPECT_EQ(one.textures.size(), 3u);
  EXPECT_EQ(one.textures, four.textures);
  ASSERT_EQ(one.materials.size(), four.materials.size());
  for (std::size_t k = 0; k < one.materials.size(); ++k) {
    EXPECT_EQ(one.materials[k].name, four.materials[k].name);
    EXPECT_EQ(one.materials[k].color_texture, four.materials[k].color_texture);
    EXPECT_EQ(one.materials[k].color, four.materials[k].color);
  }
  for (std::size_t k = 0; k < one.assets.size(); ++k) {
    EXPECT_EQ(one.assets[k].name, four.assets[k].name);
    EXPECT_EQ(one.meshes[k].positions, four.meshes[k].positions);
    EXPECT_EQ(one.meshes[k].triangles, four.meshes[k].triangles);
  }
}

}  // namespace
}  // namespace bramble
