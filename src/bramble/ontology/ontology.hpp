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
  Rgb color{};             ///< shown colour, RGB
  int carla_tag = 0;       ///< CARLA's semantic tag for topics encoded as CARLA does (raw tag in the R channel)
  std::vector<int> raw{};  ///< values that stand for it in the label files of its data set; empty: the id itself
  /// What it stands for, as paths from general to special («vegetation/tree/crown»), the exact meaning first; mappings
  /// between ontologies are derived from these (mapping.hpp).
  std::vector<std::string> means{};
};

/// A label value of a data set's files that carries no class («void», «unlabelled»).
struct IgnoredValue {
  int raw = 0;
  std::string name;
  Rgb color{};
};

/// The classes of a data set or a world: ids contiguous from 0, names unique, colours unique unless said otherwise.
/// Label value 255 is ignored. Ids are what Bramble computes with; the numbers in the label files of a public data set
/// are its raw values, 0 to 65535.
class Ontology {
 public:
  Ontology() = default;
  /// Throws Error when ids are not contiguous from 0, or a name, a raw value, a meaning or (unless `shared_colors`) a
  /// colour stands twice.
  Ontology(std::string name, std::vector<SemanticClass> classes, std::vector<IgnoredValue> ignored = {},
           bool shared_colors = false);
  /// YAML: `name:`, `classes:` list of {id, name, color: [r, g, b], carla_tag, raw: [v, …], means: [path, …]},
  /// `ignore:` list of {raw, name, color}, `shared_colors: true` for a palette that has a colour twice.
  static Ontology load(const std::filesystem::path& file);
  /// PerceptionMetrics' JSON, {"grass": {"idx": 0, "rgb": [r, g, b]}, …}; idx with gaps become raw values. `where`
  /// stands in messages.
  static Ontology from_gaia_json(const std::string& text, const std::string& name, const std::string& where);

  const std::string& name() const { return name_; }
  const std::vector<SemanticClass>& classes() const { return classes_; }
  const std::vector<IgnoredValue>& ignored() const { return ignored_; }
  std::size_t size() const { return classes_.size(); }
  const SemanticClass& operator[](ClassId id) const { return classes_.at(id); }
  std::optional<ClassId> find(std::string_view class_name) const;
  /// find() that throws, listing the classes there are and the nearest name.
  ClassId require(std::string_view class_name) const;
  /// The class of a colour, kIgnoreId for one of an ignored value; nothing when no class or several have it.
  std::optional<ClassId> find_color(Rgb color) const;
  std::optional<ClassId> find_carla_tag(int tag) const;
  /// The class of a raw value, kIgnoreId for an ignored one (and for 255 when no class has it).
  std::optional<ClassId> find_raw(int raw) const;
  /// The raw value that is written for a class: the first of its list; for kIgnoreId the first ignored one, else 255.
  int raw_of(ClassId id) const;
  /// Whether raw values are the ids themselves.
  bool raw_is_id() const;
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
  std::vector<IgnoredValue> ignored_;
  bool shared_colors_ = false;
};

/// The ontology in a file, or that of a name shipped in ontologies/. Throws Error naming those there are.
Ontology find_ontology(const std::string& name_or_file);
/// Names of the shipped ontologies, sorted.
std::vector<std::string> shipped_ontologies();

}  // namespace bramble
