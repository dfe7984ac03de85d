#include "bramble/ontology/ontology.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/home.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

namespace {

constexpr int kMostRaw = 65535;

// A text as it can stand in a flow map of YAML: plain when nothing in it means anything there.
std::string yaml_text(const std::string& text) {
  const bool plain = !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) &&
                     std::all_of(text.begin(), text.end(), [](unsigned char c) {
                       return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/';
                     });
  static const std::set<std::string> kWords = {"null", "Null", "NULL", "true", "True", "false", "False",
                                               "yes",  "no",   "on",   "off",  "y",    "n",     "~"};
  return plain && !kWords.contains(text) ? text : nlohmann::json(text).dump();
}

// Reads `key: [r, g, b]`.
void get_color(YamlBlock& entry, Rgb& color) {
  std::vector<double> values;
  entry.get("color", values, 3);
  if (values.size() != 3) entry.complain("", "needs a color: [r, g, b]");
  for (std::size_t k = 0; k < values.size() && k < 3; ++k) {
    if (values[k] < 0 || values[k] > 255) entry.complain("color", "must hold numbers from 0 to 255");
    color[k] = static_cast<std::uint8_t>(std::clamp(values[k], 0.0, 255.0));
  }
}

}  // namespace

Ontology::Ontology(std::string name, std::vector<SemanticClass> classes, std::vector<IgnoredValue> ignored,
                   bool shared_colors)
    : name_(std::move(name)),
      classes_(std::move(classes)),
      ignored_(std::move(ignored)),
      shared_colors_(shared_colors) {
  if (classes_.empty()) fail("ontology {} has no classes", name_);
  if (classes_.size() > kIgnoreId)
    fail("ontology {} has {} classes, at most {} fit into a label", name_, classes_.size(), kIgnoreId);
  std::map<int, std::string> owner;  // of a raw value
  std::map<std::string, std::string> meaning;
  const auto take_raw = [&](int raw, const std::string& whose) {
    if (raw < 0 || raw > kMostRaw)
      fail("ontology {}: raw value {} of '{}' is not in 0…{}", name_, raw, whose, kMostRaw);
    const auto [place, fresh] = owner.emplace(raw, whose);
    if (!fresh) fail("ontology {}: raw value {} stands for '{}' and '{}'", name_, raw, place->second, whose);
  };
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    const auto& a = classes_[i];
    if (a.id != i)
      fail("ontology {}: class '{}' has id {}, expected {} (ids are contiguous from 0)", name_, a.name, a.id, i);
    for (std::size_t j = 0; j < i; ++j) {
      if (classes_[j].name == a.name) fail("ontology {}: class name '{}' stands twice", name_, a.name);
      if (classes_[j].color == a.color && !shared_colors_)
        fail("ontology {}: classes '{}' and '{}' have the same colour (shared_colors: true allows it)", name_,
             classes_[j].name, a.name);
    }
    if (a.raw.empty()) take_raw(a.id, a.name);
    for (const int raw : a.raw) take_raw(raw, a.name);
    for (const auto& path : a.means) {
      const auto [place, fresh] = meaning.emplace(path, a.name);
      if (!fresh) fail("ontology {}: '{}' is the meaning of '{}' and '{}'", name_, path, place->second, a.name);
    }
  }
  for (const auto& value : ignored_) take_raw(value.raw, value.name);
}

Ontology Ontology::load(const std::filesystem::path& file) {
  YamlReader reader(file);
  YamlBlock root = reader.root();
  std::string name = file.stem().string();
  bool shared_colors = false;
  root.get("name", name);
  root.get("shared_colors", shared_colors);
  std::vector<SemanticClass> classes;
  for (YamlBlock& entry : root.list("classes")) {
    SemanticClass c;
    int id = static_cast<int>(classes.size());
    std::vector<double> raw;
    entry.get("id", id, 0, kIgnoreId - 1);
    entry.get("name", c.name);
    get_color(entry, c.color);
    entry.get("carla_tag", c.carla_tag, 0, 255);
    entry.get("raw", raw);
    entry.get("means", c.means);
    if (c.name.empty()) entry.complain("", "needs a name");
    for (const double value : raw) {
      if (value < 0 || value > kMostRaw || value != std::floor(value))
        entry.complain("raw", fmt::format("must hold whole numbers from 0 to {}", kMostRaw));
      c.raw.push_back(static_cast<int>(std::clamp(value, 0.0, static_cast<double>(kMostRaw))));
    }
    c.id = static_cast<ClassId>(id);
    classes.push_back(std::move(c));
  }
  std::vector<IgnoredValue> ignored;
  for (YamlBlock& entry : root.list("ignore")) {
    IgnoredValue value;
    if (!entry.has("raw")) entry.complain("", "needs a raw value");
    entry.get("raw", value.raw, 0, kMostRaw);
    entry.get("name", value.name);
    get_color(entry, value.color);
    ignored.push_back(std::move(value));
  }
  reader.finish();
  std::sort(classes.begin(), classes.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  try {
    return {name, std::move(classes), std::move(ignored), shared_colors};
  } catch (const Error& error) {
    fail("{}: {}", file.string(), error.what());
  }
}

Ontology Ontology::from_gaia_json(const std::string& text, const std::string& name, const std::string& where) {
  const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!json.is_object() || json.empty())
    fail("{}: expected {{\"class\": {{\"idx\": 0, \"rgb\": [r, g, b]}}, …}}", where);
  std::vector<std::pair<int, SemanticClass>> entries;
  for (const auto& [class_name, entry] : json.items()) {
    SemanticClass c;
    c.name = class_name;
    const auto idx = entry.is_object() ? entry.find("idx") : entry.end();
    const auto rgb = entry.is_object() ? entry.find("rgb") : entry.end();
    if (!entry.is_object() || idx == entry.end() || !idx->is_number_integer() || *idx < 0 || *idx > kMostRaw)
      fail("{}: class '{}' needs an idx of 0 to {}", where, class_name, kMostRaw);
    if (rgb == entry.end() || !rgb->is_array() || rgb->size() < 3)
      fail("{}: class '{}' needs rgb: [r, g, b]", where, class_name);
    for (std::size_t k = 0; k < 3; ++k) {
      if (!(*rgb)[k].is_number_integer() || (*rgb)[k] < 0 || (*rgb)[k] > 255)
        fail("{}: class '{}': rgb must hold numbers from 0 to 255", where, class_name);
      c.color[k] = (*rgb)[k].get<std::uint8_t>();
    }
    entries.emplace_back(idx->get<int>(), std::move(c));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<SemanticClass> classes;
  for (auto& [idx, c] : entries) {
    c.id = static_cast<ClassId>(std::min<std::size_t>(classes.size(), kIgnoreId));
    if (idx != c.id) c.raw = {idx};
    classes.push_back(std::move(c));
  }
  try {
    return {name, std::move(classes), {}, true};
  } catch (const Error& error) {
    fail("{}: {}", where, error.what());
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
  std::optional<ClassId> found;
  for (const auto& c : classes_) {
    if (c.color != color) continue;
    if (found) return std::nullopt;
    found = c.id;
  }
  if (found) return found;
  for (const auto& value : ignored_)
    if (value.color == color) return kIgnoreId;
  return std::nullopt;
}

std::optional<ClassId> Ontology::find_raw(int raw) const {
  for (const auto& c : classes_)
    if (c.raw.empty() ? raw == c.id : std::find(c.raw.begin(), c.raw.end(), raw) != c.raw.end()) return c.id;
  if (raw == kIgnoreId) return kIgnoreId;
  for (const auto& value : ignored_)
    if (value.raw == raw) return kIgnoreId;
  return std::nullopt;
}

int Ontology::raw_of(ClassId id) const {
  if (id < classes_.size()) return classes_[id].raw.empty() ? id : classes_[id].raw.front();
  return ignored_.empty() ? kIgnoreId : ignored_.front().raw;
}

bool Ontology::raw_is_id() const {
  return std::all_of(classes_.begin(), classes_.end(),
                     [](const auto& c) { return c.raw.empty() || (c.raw.size() == 1 && c.raw[0] == c.id); });
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
  std::string text =
      fmt::format("name: {}\n{}classes:\n", yaml_text(name_), shared_colors_ ? "shared_colors: true\n" : "");
  for (const auto& c : classes_) {
    text += fmt::format("  - {{id: {}, name: {}, color: [{}, {}, {}], carla_tag: {}", c.id, yaml_text(c.name),
                        c.color[0], c.color[1], c.color[2], c.carla_tag);
    if (!c.raw.empty()) text += fmt::format(", raw: [{}]", fmt::join(c.raw, ", "));
    if (!c.means.empty()) {
      std::vector<std::string> paths;
      for (const auto& path : c.means) paths.push_back(yaml_text(path));
      text += fmt::format(", means: [{}]", fmt::join(paths, ", "));
    }
    text += "}\n";
  }
  if (!ignored_.empty()) text += "ignore:\n";
  for (const auto& v : ignored_)
    text += fmt::format("  - {{raw: {}, name: {}, color: [{}, {}, {}]}}\n", v.raw, yaml_text(v.name), v.color[0],
                        v.color[1], v.color[2]);
  return text;
}

std::string Ontology::to_gaia_json() const {
  nlohmann::ordered_json json;
  for (const auto& c : classes_) json[c.name] = {{"idx", c.id}, {"rgb", c.color}};
  return json.dump(2) + "\n";
}

std::vector<std::string> shipped_ontologies() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(home_folder() / "ontologies", error))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

Ontology find_ontology(const std::string& name_or_file) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path given = name_or_file, shipped = home_folder() / "ontologies" / (name_or_file + ".yaml");
  const auto load_any = [](const fs::path& file) {
    return file.extension() == ".json"
               ? Ontology::from_gaia_json(read_text_file(file), file.stem().string(), file.string())
               : Ontology::load(file);
  };
  // A bare name means what ships, whatever lies here.
  if (given.has_extension() && fs::is_regular_file(given, error)) return load_any(given);
  if (given.is_relative() && fs::is_regular_file(shipped, error)) return Ontology::load(shipped);
  if (fs::is_regular_file(given, error)) return load_any(given);
  const auto names = shipped_ontologies();
  const auto near = nearest_word(name_or_file, names);
  fail("there is no ontology '{}'; name a file or one that is shipped: {}{}", name_or_file, fmt::join(names, ", "),
       near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

}  // namespace bramble
