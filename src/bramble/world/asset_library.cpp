#include "bramble/world/asset_library.hpp"

#include <assimp/GltfMaterial.h>
#include <assimp/postprocess.h>
#include <assimp/scene.h>

#include <algorithm>
#include <assimp/Importer.hpp>
#include <cctype>
#include <map>
#include <memory>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/image_io.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/parallel.hpp"
#include "bramble/core/srgb.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr int kLargestTexture = 1024;

std::string lower_extension(const fs::path& file) {
  auto text = file.extension().string();
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_mesh_file(const fs::path& file) {
  static const std::set<std::string> kExtensions = {".glb", ".gltf", ".obj", ".fbx", ".ply",  ".stl",
                                                    ".dae", ".3ds",  ".off", ".x3d", ".blend"};
  return kExtensions.contains(lower_extension(file));
}

bool has_mesh(const fs::path& sidecar) {
  for (const auto& entry : fs::directory_iterator(sidecar.parent_path()))
    if (entry.path().stem() == sidecar.stem() && is_mesh_file(entry.path())) return true;
  return false;
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder))
    if (!entry.path().filename().string().starts_with(".")) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

AssetSidecar read_sidecar(const fs::path& mesh_file) {
  AssetSidecar sidecar;
  fs::path file = mesh_file;
  file.replace_extension(".yaml");
  const auto extension = lower_extension(mesh_file);
  sidecar.up = extension == ".stl" || extension == ".ply" ? "z" : "y";
  const auto stem = mesh_file.stem().string();
  sidecar.kind = stem.substr(0, stem.find('_'));
  if (!fs::exists(file)) return sidecar;
  YamlReader reader(file);
  YamlBlock root = reader.root();
  root.get("kind", sidecar.kind);
  root.get("scale", sidecar.scale, 1e-6, 1e6);
  root.get("size_m", sidecar.size_m, 0, 1000);
  root.get("stretch", sidecar.stretch, 3);
  root.get("up", sidecar.up, {"y", "z"});
  root.get("collision", sidecar.collision);
  root.get("translucency", sidecar.translucency, 0, 1);
  for (const double factor : sidecar.stretch)
    if (!(factor > 0)) root.complain("stretch", fmt::format("factors must be above 0, one is {}", factor));
  if (root.has("scale") && root.has("size_m")) root.complain("size_m", "give either scale or size_m, not both");
  reader.finish();
  return sidecar;
}

// A material's picture: a file beside the mesh or inside it, and its encoded bytes (of a file only once it is read).
struct TextureSource {
  std::string key;
  fs::path file;
  std::vector<std::uint8_t> bytes;
  bool empty() const { return key.empty(); }
};

struct LoadedMaterial {
  Material material;
  TextureSource color, normal;
};

struct LoadedMesh {
  Mesh mesh;
  std::vector<LoadedMaterial> materials;
};

TextureSource texture_of(const aiScene& scene, const aiMaterial& material, std::initializer_list<aiTextureType> types,
                         const fs::path& mesh_file) {
  for (const auto type : types) {
    aiString name;
    if (material.GetTexture(type, 0, &name) != AI_SUCCESS || name.length == 0) continue;
    if (const aiTexture* inside = scene.GetEmbeddedTexture(name.C_Str())) {
      if (inside->mHeight != 0) fail("{}: the picture {} inside is not PNG or JPEG", mesh_file.string(), name.C_Str());
      const auto* first = reinterpret_cast<const std::uint8_t*>(inside->pcData);
      return {mesh_file.string() + ":" + name.C_Str(), {}, {first, first + inside->mWidth}};
    }
    std::string path = name.C_Str();
    std::replace(path.begin(), path.end(), '\\', '/');
    fs::path file = mesh_file.parent_path() / path;
    if (!fs::exists(file)) file = mesh_file.parent_path() / fs::path(path).filename();
    if (!fs::exists(file)) fail("{}: its picture {} is missing", mesh_file.string(), path);
    return {fs::weakly_canonical(file).string(), file, {}};
  }
  return {};
}

LoadedMaterial read_material(const aiScene& scene, const aiMaterial& source, const fs::path& file,
                             const AssetSidecar& sidecar) {
  LoadedMaterial out;
  aiString name;
  if (source.Get(AI_MATKEY_NAME, name) == AI_SUCCESS) out.material.name = name.C_Str();
  aiColor4D color(1, 1, 1, 1);
  if (source.Get(AI_MATKEY_BASE_COLOR, color) != AI_SUCCESS) source.Get(AI_MATKEY_COLOR_DIFFUSE, color);
  out.material.color = {color.r, color.g, color.b};
  float roughness = 1;
  if (source.Get(AI_MATKEY_ROUGHNESS_FACTOR, roughness) == AI_SUCCESS)
    out.material.roughness = std::clamp(roughness, 0.0F, 1.0F);
  out.color = texture_of(scene, source, {aiTextureType_BASE_COLOR, aiTextureType_DIFFUSE}, file);
  out.normal = texture_of(scene, source, {aiTextureType_NORMALS, aiTextureType_NORMAL_CAMERA}, file);
  aiString mode;
  bool two_sided = false;
  source.Get(AI_MATKEY_TWOSIDED, two_sided);
  if (source.Get(AI_MATKEY_GLTF_ALPHAMODE, mode) == AI_SUCCESS) {
    float cutoff = 0.5F;
    source.Get(AI_MATKEY_GLTF_ALPHACUTOFF, cutoff);
    const std::string text = mode.C_Str();
    out.material.alpha_cutoff = text == "MASK" ? cutoff : text == "BLEND" ? 0.5F : 0.0F;
  } else if (source.GetTextureCount(aiTextureType_OPACITY) > 0) {
    out.material.alpha_cutoff = 0.5F;
  }
  if (out.material.alpha_cutoff > 0 || two_sided) out.material.translucency = static_cast<float>(sidecar.translucency);
  return out;
}

// Of the triangles: vertices that none uses do not count.
Eigen::AlignedBox3f box_of(const Mesh& mesh) {
  Eigen::AlignedBox3f box;
  for (const auto& triangle : mesh.triangles)
    for (const auto v : triangle) box.extend(mesh.positions[v]);
  return box;
}

LoadedMesh read_mesh(const fs::path& file, const AssetSidecar& sidecar, bool keep_origin = false) {
  Assimp::Importer importer;
  importer.SetPropertyInteger(AI_CONFIG_PP_SBP_REMOVE, aiPrimitiveType_POINT | aiPrimitiveType_LINE);
  // Assimp's own joining of vertices and search for degenerate triangles took four fifths of the time of the default
  // set.
  const aiScene* scene =
      importer.ReadFile(file.string(), aiProcess_Triangulate | aiProcess_SortByPType | aiProcess_PreTransformVertices |
                                           aiProcess_GenSmoothNormals);
  if (!scene) fail("{}: not a readable mesh ({})", file.string(), importer.GetErrorString());
  LoadedMesh out;
  out.mesh.name = file.stem().string();
  std::map<unsigned, std::uint16_t> material_of;
  const auto to_asset_frame = [&](const aiVector3D& v) {
    return sidecar.up == "z" ? Eigen::Vector3f(v.x, v.y, v.z) : Eigen::Vector3f(v.z, v.x, v.y);
  };
  for (unsigned m = 0; m < scene->mNumMeshes; ++m) {
    const aiMesh& part = *scene->mMeshes[m];
    if (!part.HasPositions() || part.mNumFaces == 0) continue;
    auto [material, is_new] =
        material_of.try_emplace(part.mMaterialIndex, static_cast<std::uint16_t>(out.materials.size()));
    if (is_new) out.materials.push_back(read_material(*scene, *scene->mMaterials[part.mMaterialIndex], file, sidecar));
    const auto first = static_cast<std::uint32_t>(out.mesh.positions.size());
    for (unsigned v = 0; v < part.mNumVertices; ++v) {
      out.mesh.positions.push_back(to_asset_frame(part.mVertices[v]));
      if (!out.mesh.positions.back().allFinite()) fail("{}: a position is not a number", file.string());
      const Eigen::Vector3f normal = part.HasNormals() ? to_asset_frame(part.mNormals[v]) : Eigen::Vector3f::UnitZ();
      out.mesh.normals.push_back(normal.squaredNorm() > 1e-12F ? normal.normalized() : Eigen::Vector3f::UnitZ());
      // Assimp counts v upwards whatever the format.
      out.mesh.uvs.push_back(part.HasTextureCoords(0)
                                 ? Eigen::Vector2f(part.mTextureCoords[0][v].x, 1 - part.mTextureCoords[0][v].y)
                                 : Eigen::Vector2f::Zero());
    }
    for (unsigned f = 0; f < part.mNumFaces; ++f) {
      const aiFace& face = part.mFaces[f];
      if (face.mNumIndices != 3) continue;
      const auto corner = [&](unsigned k) -> const Eigen::Vector3f& {
        return out.mesh.positions[first + face.mIndices[k]];
      };
      const Eigen::Vector3f edge_a = corner(1) - corner(0), edge_b = corner(2) - corner(0);
      if (!(edge_a.cross(edge_b).squaredNorm() > 0)) continue;  // no area
      out.mesh.triangles.push_back({first + face.mIndices[0], first + face.mIndices[1], first + face.mIndices[2]});
      out.mesh.triangle_material.push_back(material->second);
    }
  }
  if (out.mesh.triangles.empty()) fail("{}: the mesh has no triangles", file.string());

  // Size, then the foot to the ground; a mesh modelled far from its origin is brought back to it.
  const Eigen::AlignedBox3f box = box_of(out.mesh);
  if (!box.sizes().allFinite()) fail("{}: the mesh is too large to be measured", file.string());
  const float factor = static_cast<float>(sidecar.size_m > 0 ? sidecar.size_m / box.sizes().maxCoeff() : sidecar.scale);
  Eigen::Vector3f scale = Eigen::Vector3f::Constant(factor);
  for (std::size_t k = 0; k < sidecar.stretch.size(); ++k)
    scale[static_cast<int>(k)] *= static_cast<float>(sidecar.stretch[k]);
  const bool around_origin = box.min().x() <= 0 && box.max().x() >= 0 && box.min().y() <= 0 && box.max().y() >= 0;
  const Eigen::Vector3f foot = keep_origin ? Eigen::Vector3f(0, 0, 0)
                                           : Eigen::Vector3f(around_origin ? 0 : box.center().x(),
                                                             around_origin ? 0 : box.center().y(), box.min().z());
  for (auto& p : out.mesh.positions) p = (p - foot).cwiseProduct(scale);
  for (auto& n : out.mesh.normals) n = n.cwiseQuotient(scale).normalized();
  return out;
}

// The solid part near the ground; cut-outs are leaves. Below half a metre, for low things below half their height.
float foot_radius_m(const Mesh& mesh, const std::vector<LoadedMaterial>& materials, float height_m) {
  const float top = std::min(0.5F, 0.5F * height_m);
  float radius = 0;
  for (std::size_t t = 0; t < mesh.triangles.size(); ++t) {
    if (materials[mesh.triangle_material[t]].material.alpha_cutoff > 0) continue;
    for (const auto v : mesh.triangles[t])
      if (mesh.positions[v].z() <= top) radius = std::max(radius, mesh.positions[v].head<2>().norm());
  }
  return radius;
}

ImageU8 read_texture(const TextureSource& source) {
  ImageU8 image = decode_image(source.bytes, PixelFormat::kRgba, source.key);
  const int largest = std::max(image.width, image.height);
  if (largest > kLargestTexture)
    image = resize_picture(image, std::max(1, image.width * kLargestTexture / largest),
                           std::max(1, image.height * kLargestTexture / largest));
  return image;
}

TextureSource ground_texture(const fs::path& folder, const std::string& name) {
  for (const char* extension : {".jpg", ".png", ".jpeg"})
    if (fs::exists(folder / (name + extension)))
      return {(folder / (name + extension)).string(), folder / (name + extension), {}};
  return {};
}

}  // namespace

AssetLibrary load_assets(const fs::path& folder, const Ontology& ontology) {
  if (!fs::is_directory(folder))
    fail("no assets at {}; run ./bramble setup to build the default ones", folder.string());
  // 1. What is there.
  AssetLibrary library;
  std::vector<fs::path> files;
  for (const auto& class_folder : sorted_entries(folder)) {
    if (!fs::is_directory(class_folder)) continue;
    ClassId class_id;
    try {
      class_id = ontology.require(class_folder.filename().string());
    } catch (const Error& error) {
      fail("{}: {}", class_folder.string(), error.what());
    }
    const auto add = [&](const fs::path& file, const std::string& name) {
      Asset asset;
      asset.name = name;
      asset.class_name = class_folder.filename().string();
      asset.class_id = class_id;
      asset.sidecar = read_sidecar(file);
      asset.file = file;
      library.assets.push_back(std::move(asset));
      files.push_back(file);
    };
    for (const auto& entry : sorted_entries(class_folder)) {
      if (fs::is_regular_file(entry) && is_mesh_file(entry)) add(entry, entry.stem().string());
      if (fs::is_regular_file(entry) && entry.extension() == ".yaml" && !has_mesh(entry))
        spdlog::warn("{}: no mesh of that name is beside it", entry.string());
      if (!fs::is_directory(entry)) continue;
      for (const auto& inner : sorted_entries(entry))
        if (fs::is_regular_file(inner) && is_mesh_file(inner))
          add(inner, inner.stem() == entry.filename() ? inner.stem().string()
                                                      : entry.filename().string() + "/" + inner.stem().string());
    }
  }

  // A scenario names a mesh by class and name: two of one name could not be told apart.
  std::map<std::string, fs::path> named;
  for (const Asset& asset : library.assets) {
    const auto [other, is_new] = named.try_emplace(asset.class_name + "/" + asset.name, asset.file);
    if (!is_new)
      fail("{} and {} are both named {}; rename or remove one", other->second.string(), asset.file.string(),
           asset.name);
  }

  // 2. Meshes, side by side.
  std::vector<LoadedMesh> loaded(files.size());
  parallel_for(files.size(), [&](std::size_t i) { loaded[i] = read_mesh(files[i], library.assets[i].sidecar); });

  // 3. One list of materials and textures, in the order of the meshes; a picture used twice, or lying in two folders,
  // is kept once: reading a file again is cheap, decoding it is not.
  std::vector<TextureSource> sources;
  std::map<std::string, int> texture_number;
  std::map<std::string, int> content_number;
  const auto texture = [&](TextureSource source) {
    if (source.empty()) return -1;
    const auto known = texture_number.find(source.key);
    if (known != texture_number.end()) return known->second;
    if (!source.file.empty()) source.bytes = read_file(source.file);
    const auto [entry, is_new] = content_number.try_emplace(std::string(source.bytes.begin(), source.bytes.end()),
                                                            static_cast<int>(sources.size()));
    texture_number.emplace(source.key, entry->second);
    if (is_new) sources.push_back(std::move(source));
    return entry->second;
  };
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    library.assets[i].size_m = box_of(loaded[i].mesh).sizes();
    library.assets[i].foot_radius_m = foot_radius_m(loaded[i].mesh, loaded[i].materials, library.assets[i].size_m.z());
    if (library.materials.size() + loaded[i].materials.size() > 65'000)
      fail("{}: more than 65000 materials in {}; use fewer meshes", files[i].string(), folder.string());
    const auto first = static_cast<std::uint16_t>(library.materials.size());
    for (auto& material : loaded[i].materials) {
      material.material.color_texture = texture(std::move(material.color));
      material.material.normal_texture = texture(std::move(material.normal));
      library.materials.push_back(std::move(material.material));
    }
    for (auto& number : loaded[i].mesh.triangle_material) number = static_cast<std::uint16_t>(number + first);
    library.assets[i].mesh = static_cast<std::uint32_t>(i);
    library.meshes.push_back(std::move(loaded[i].mesh));
  }
  const auto ground = [&](const char* class_name) {
    const TextureSource color = ground_texture(folder / class_name, "ground_color");
    if (color.empty()) return -1;
    Material material;
    material.name = std::string(class_name) + " ground";
    material.color_texture = texture(color);
    material.normal_texture = texture(ground_texture(folder / class_name, "ground_normal"));
    library.materials.push_back(material);
    return static_cast<int>(library.materials.size()) - 1;
  };
  library.grass_material = ground("grass");
  library.dirt_material = ground("dirt");

  // 4. Pictures.
  library.textures.resize(sources.size());
  parallel_for(sources.size(), [&](std::size_t i) { library.textures[i] = read_texture(sources[i]); });
  return library;
}

BodyMesh load_body_mesh(const fs::path& file) {
  if (!fs::exists(file)) fail("{}: the mesh file is missing", file.string());
  LoadedMesh loaded = read_mesh(file, read_sidecar(file), true);
  BodyMesh body{std::move(loaded.mesh), {}};
  for (LoadedMaterial& source : loaded.materials) {
    Material& material = body.materials.emplace_back(std::move(source.material));
    material.alpha_cutoff = 0;
    if (source.color.empty()) continue;
    if (!source.color.file.empty()) source.color.bytes = read_file(source.color.file);
    const ImageU8 picture = read_texture(source.color);
    Eigen::Vector3d sum = Eigen::Vector3d::Zero();
    for (std::size_t i = 0; i < picture.pixel_count(); ++i)
      for (int c = 0; c < 3; ++c) sum[c] += srgb_to_linear(picture.data[4 * i + static_cast<std::size_t>(c)]);
    material.color = material.color.cwiseProduct((sum / static_cast<double>(picture.pixel_count())).cast<float>());
  }
  return body;
}

}  // namespace bramble
