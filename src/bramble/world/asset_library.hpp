#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"
#include "bramble/world/world.hpp"

namespace bramble {

/// What the file beside a mesh (NAME.yaml beside NAME.glb) may say about it.
struct AssetSidecar {
  std::string kind;             ///< free word for lists («oak», «rock»); default: the name up to its first _
  double scale = 1;             ///< factor on the file's units
  double size_m = 0;            ///< instead of scale: length of the longest side of the bounding box; 0: as scaled
  std::vector<double> stretch;  ///< factors along x, y, z (z up) after scaling
  std::string up;               ///< «y» or «z»; default: y, but z for .stl and .ply
  bool collision = true;        ///< whether a vehicle is stopped by it
  double translucency = 0;      ///< 0…1, for its cut-out and two-sided materials (leaves)
};

/// One mesh that scenarios can scatter. Its class is the folder it lies in.
struct Asset {
  std::string name;        ///< file name without extension
  std::string class_name;  ///< folder
  ClassId class_id = kIgnoreId;
  std::uint32_t mesh = 0;  ///< indexes AssetLibrary::meshes
  AssetSidecar sidecar;
  Eigen::Vector3f size_m;   ///< of the bounding box
  float foot_radius_m = 0;  ///< of the solid part (no leaves) near the ground: a trunk, stems, a stone; 0: none there
  std::filesystem::path file;  ///< where it was read from
};

/// Everything in an assets folder, ready for a World: numbers in meshes and materials index the vectors beside them.
struct AssetLibrary {
  std::vector<ImageU8> textures;  // RGBA
  std::vector<Material> materials;
  std::vector<Mesh> meshes;
  std::vector<Asset> assets;  ///< sorted by class and name
  /// Materials of the ground from <folder>/<class>/ground_color.{jpg,png} and ground_normal.{jpg,png}; -1: not there.
  int grass_material = -1, dirt_material = -1;
};

/// Loads `folder`/<class>/<name>.<ext> and `folder`/<class>/<name>/<any>.<ext> for every mesh format that Assimp reads
/// (glb, gltf, obj, fbx, ply, stl, dae …). Meshes come out in the asset frame: z up, metres, foot at z = 0; glTF's (x,
/// y, z) becomes (z, x, y). Textures larger than 1024 are reduced. Deterministic order. Throws Error for a folder that
/// is no class of the ontology (naming the nearest), for a mesh, texture or sidecar that cannot be read, and for a mesh
/// without triangles or size. Triangles without area are left out.
AssetLibrary load_assets(const std::filesystem::path& folder, const Ontology& ontology);

/// A mesh that moves, with the materials it names. They have no textures: a picture counts with its mean colour.
struct BodyMesh {
  Mesh mesh;
  std::vector<Material> materials;
};
/// Loads one mesh file (its sidecar counts as in load_assets) and leaves its origin where it is: x forward, y left, z
/// up, metres; of glTF, z is forward and y up. Throws Error as load_assets does.
BodyMesh load_body_mesh(const std::filesystem::path& file);

}  // namespace bramble
