#include "bramble/eval/class_map.hpp"

#include <array>

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

std::map<std::string, std::string> load_class_names(const std::filesystem::path& file) {
  YamlReader reader(file);  // JSON is YAML
  YamlBlock root = reader.root();
  std::map<std::string, std::string> names;
  for (const auto& key : root.keys()) root.get(key, names[key]);
  reader.finish();
  return names;
}

ClassMap make_class_map(const Ontology& from, const std::string& from_name, const Ontology& to,
                        const std::string& to_name, const std::map<std::string, std::string>& named) {
  const auto known = [](const Ontology& ontology, const std::string& whose, const std::string& name) {
    if (ontology.find(name)) return;
    std::vector<std::string> names;
    for (const auto& cls : ontology.classes()) names.push_back(cls.name);
    const std::string near = nearest_word(name, names);
    fail("class map: {} has no class «{}»{}", whose, name,
         near.empty() ? "" : fmt::format(", did you mean «{}»?", near));
  };
  for (const auto& [source, target] : named) {
    known(from, from_name, source);
    known(to, to_name, target);
  }
  ClassMap map;
  for (const auto& cls : from.classes()) {
    const auto found = named.find(cls.name);
    const auto id = to.find(found == named.end() ? cls.name : found->second);
    map.push_back(id ? *id : kIgnoreId);
  }
  return map;
}

ImageU8 map_classes(ImageU8 ids, const ClassMap& map) {
  if (map.empty()) return ids;
  std::array<std::uint8_t, 256> table{};
  table.fill(kIgnoreId);
  for (std::size_t id = 0; id < map.size(); ++id) table[id] = map[id];
  for (auto& id : ids.data) id = table[id];
  return ids;
}

}  // namespace bramble
