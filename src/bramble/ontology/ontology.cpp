#include "bramble/ontology/ontology.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

Ontology::Ontology(std::string name, std::vector<SemanticClass> classes)
    : name_(std::move(name)), classes_(std::move(classes)) {
  if (classes_.empty()) fail("ontology {} has no classes", name_);
  if (classes_.size() > kIgnoreId)
    fail("ontology {} has {} classes, at most {} fit into a label", name_, classes_.size(), kIgnoreId);
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    const auto& a = classes_[i];
    if (a.id != i)
      fail("ontology {}: class '{}' has id {}, expected {} (ids are contiguous from 0)", name_, a.name, a.id, i);
    for (std::size_t j = 0; j < i; ++j) {
      if (classes_[j].name == a.name) fail("ontology {}: class name '{}' stands twice", name_, a.name);
      if (classes_[j].color == a.color)
        fail("ontology {}: classes '{}' and '{}' have the same colour", name_, classes_[j].name, a.name);
    }
  }
}

Ontology Ontology::load(const std::filesystem::path& file) {
  YamlReader reader(file);
  YamlBlock root = reader.root();
  std::string name = file.stem().string();
  root.get("name", name);
  std::vector<SemanticClass> classes;
  for (YamlBlock& entry : root.list("classes")) {
    SemanticClass c;
    int id = static_cast<int>(classes.size());
    std::vector<double> color;
    entry.get("id", id, 0, kIgnoreId - 1);
    entry.get("name", c.name);
    entry.get("color", color, 3);
    entry.get("carla_tag", c.carla_tag, 0, 255);
    if (c.name.empty()) entry.complain("", "needs a name");
    if (color.size() != 3) entry.complain("", "needs a color: [r, g, b]");
    for (std::size_t k = 0; k < color.size() && k < 3; ++k) {
      if (color[k] < 0 || color[k] > 255) entry.complain("color", "must hold numbers from 0 to 255");
      c.color[k] = static_cast<std::uint8_t>(std::clamp(color[k], 0.0, 255.0));
    }
    c.id = static_cast<ClassId>(id);
    classes.push_back(std::move(c));
  }
  reader.finish();
  std::sort(classes.begin(), classes.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  try {
    return {name, std::move(classes)};
  } catch (const Error& error) {
    fail("{}: {}", file.string(), error.what());
  }
}

std::optional<ClassId> Ontology::find(std::string_view class_name) const {
  for (const auto& c : classes_)
    if (c.name == class_name) return c.id;
  return std::nullopt;
}

ClassId Ontology::require(std::string_view class_name) const {
  if (const auto id = find(class_name)) return *id;
  std::vector<std::string> names;
  for (const auto& c : classes_) names.push_back(c.name);
  const auto near = nearest_word(std::string(class_name), names);
  fail("unknown class '{}'; ontology {} has: {}{}", class_name, name_, fmt::join(names, ", "),
       near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

std::optional<ClassId> Ontology::find_color(Rgb color) const {
  for (const auto& c : classes_)
    if (c.color == color) return c.id;
  return std::nullopt;
}

std::optional<ClassId> Ontology::find_carla_tag(int tag) const {
  for (const auto& c : classes_)
    if (c.carla_tag == tag) return c.id;
  return std::nullopt;
}

bool Ontology::operator==(const Ontology& other) const {
  return std::equal(classes_.begin(), classes_.end(), other.classes_.begin(), other.classes_.end(),
                    [](const auto& a, const auto& b) { return a.id == b.id && a.name == b.name; });
}

ImageU8 Ontology::colorize(const ImageU8& labels) const {
  ImageU8 out(labels.width, labels.height, 3);
  for (std::size_t i = 0; i < labels.pixel_count(); ++i) {
    const ClassId id = labels.data[i];
    const Rgb color = id < classes_.size() ? classes_[id].color : Rgb{0, 0, 0};
    std::copy(color.begin(), color.end(), out.data.begin() + static_cast<std::ptrdiff_t>(3 * i));
  }
  return out;
}

std::string Ontology::to_yaml() const {
  std::string text = fmt::format("name: {}\nclasses:\n", name_);
  for (const auto& c : classes_)
    text += fmt::format("  - {{id: {}, name: {}, color: [{}, {}, {}], carla_tag: {}}}\n", c.id, c.name, c.color[0],
                        c.color[1], c.color[2], c.carla_tag);
  return text;
}

std::string Ontology::to_gaia_json() const {
  nlohmann::ordered_json json;
  for (const auto& c : classes_) json[c.name] = {{"idx", c.id}, {"rgb", c.color}};
  return json.dump(2) + "\n";
}

}  // namespace bramble
