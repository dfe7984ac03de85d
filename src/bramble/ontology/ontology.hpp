#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bramble/core/image.hpp"

namespace bramble {

using ClassId = std::uint8_t;
using Rgb = std::array<std::uint8_t, 3>;

/// Pixels that carry no class: left out of every metric and of the loss.
inline constexpr ClassId kIgnoreId = 255;

struct SemanticClass {
  ClassId id = 0;
  std::string name;
  Rgb color{};        ///< shown colour, RGB
  int carla_tag = 0;  ///< CARLA's semantic tag for topics encoded as CARLA does (raw tag in the R channel)
};

/// The classes of a data set or a world: ids contiguous from 0, names and colours unique. Label value 255 is ignored.
class Ontology {
 public:
  Ontology() = default;
  /// Throws Error when ids are not contiguous from 0, or a name or colour stands twice.
  Ontology(std::string name, std::vector<SemanticClass> classes);
  /// YAML: `name:` and `classes:` list of {id, name, color: [r, g, b], carla_tag}.
  static Ontology load(const std::filesystem::path& file);

  const std::string& name() const { return name_; }
  const std::vector<SemanticClass>& classes() const { return classes_; }
  std::size_t size() const { return classes_.size(); }
  const SemanticClass& operator[](ClassId id) const { return classes_.at(id); }
  std::optional<ClassId> find(std::string_view class_name) const;
  /// find() that throws, listing the classes there are and the nearest name.
  ClassId require(std::string_view class_name) const;
  std::optional<ClassId> find_color(Rgb color) const;
  std::optional<ClassId> find_carla_tag(int tag) const;
  bool operator==(const Ontology& other) const;

  /// Colour mask [H, W, 3] RGB of a label image [H, W, 1]; ignored pixels are black.
  ImageU8 colorize(const ImageU8& labels) const;
  /// The YAML text that load() reads back.
  std::string to_yaml() const;
  /// The JSON that PerceptionMetrics reads: {"grass": {"idx": 0, "rgb": [r, g, b]}, …}.
  std::string to_gaia_json() const;

 private:
  std::string name_;
  std::vector<SemanticClass> classes_;
};

}  // namespace bramble
