#include "bramble/ontology/mapping.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "bramble/core/error.hpp"
#include "bramble/core/home.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

// Names as people vary them: «Traffic sign», «traffic_sign» and «traffic-sign» are one.
std::string folded(const std::string& name) {
  std::string out;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)))
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

const SemanticClass* with_meaning(const Ontology& ontology, const std::string& path) {
  for (const auto& c : ontology.classes())
    if (std::find(c.means.begin(), c.means.end(), path) != c.means.end()) return &c;
  return nullptr;
}

bool has_meanings(const Ontology& ontology) {
  return std::any_of(ontology.classes().begin(), ontology.classes().end(),
                     [](const auto& c) { return !c.means.empty(); });
}

}  // namespace

OntologyMapping OntologyMapping::load(const fs::path& file, const Ontology& from, const Ontology& to) {
  YamlReader reader(file);
  YamlBlock root = reader.root();
  std::string from_name, to_name;
  root.get("from", from_name);
  root.get("to", to_name);
  if (from_name != from.name())
    root.complain("from", fmt::format("is '{}', the labels are of '{}'", from_name, from.name()));
  if (to_name != to.name()) root.complain("to", fmt::format("is '{}', expected '{}'", to_name, to.name()));
  OntologyMapping mapping(from, to);
  for (const auto& c : from.classes()) mapping.lines_.push_back({c.id, kIgnoreId, MappedBy::kNothing, {}});
  std::vector<bool> said(from.size(), false);
  const auto take = [&](YamlBlock& block, const std::string& key, const std::string& class_name, ClassId target) {
    try {
      const ClassId id = from.require(class_name);
      if (said[id]) block.complain(key, fmt::format("says '{}' a second time", class_name));
      said[id] = true;
      mapping.lines_[id].to = target;
      mapping.lines_[id].by = MappedBy::kFile;
    } catch (const Error& error) {
      block.complain(key, fmt::format("is no line of it: {}", error.what()));
    }
  };
  YamlBlock classes = root.block("classes");
  for (const auto& key : classes.keys()) {
    std::string target;
    classes.get(key, target);
    try {
      take(classes, key, key, to.require(target));
    } catch (const Error& error) {
      classes.complain(key, fmt::format("has no target: {}", error.what()));
    }
  }
  std::vector<std::string> ignored;
  root.get("ignore", ignored);
  for (const auto& name : ignored) take(root, "ignore", name, kIgnoreId);
  std::vector<std::string> missing;
  for (const auto& c : from.classes())
    if (!said[c.id]) missing.push_back(c.name);
  if (!missing.empty())
    root.complain("classes", fmt::format("says nothing of {}; give each a target or put it under ignore",
                                         fmt::join(missing, ", ")));
  reader.finish();
  return mapping;
}

OntologyMapping OntologyMapping::derive(const Ontology& from, const Ontology& to) {
  OntologyMapping mapping(from, to);
  const bool by_meaning = has_meanings(from) && has_meanings(to);
  for (const auto& c : from.classes()) {
    Line line{c.id, kIgnoreId, MappedBy::kNothing, {}};
    if (from == to) {
      line = {c.id, c.id, MappedBy::kName, {}};
    } else if (by_meaning && !c.means.empty()) {
      // From the exact meaning up to the most general one.
      for (std::string path = c.means.front(); !path.empty() && line.by == MappedBy::kNothing;) {
        if (const auto* target = with_meaning(to, path))
          line = {c.id, target->id, path == c.means.front() ? MappedBy::kMeaning : MappedBy::kBroader, path};
        const auto slash = path.rfind('/');
        path = slash == std::string::npos ? "" : path.substr(0, slash);
      }
    } else if (!by_meaning) {
      for (const auto& target : to.classes())
        if (folded(target.name) == folded(c.name)) line = {c.id, target.id, MappedBy::kName, {}};
    }
    mapping.lines_.push_back(line);
  }
  return mapping;
}

OntologyMapping OntologyMapping::find(const Ontology& from, const Ontology& to) {
  const fs::path file =
      home_folder() / "ontologies" / "mappings" / fmt::format("{}_to_{}.yaml", from.name(), to.name());
  std::error_code error;
  return fs::is_regular_file(file, error) ? load(file, from, to) : derive(from, to);
}

void OntologyMapping::apply(ImageU8& labels) const {
  std::array<ClassId, 256> target;
  for (int id = 0; id < 256; ++id) target[id] = (*this)[static_cast<ClassId>(id)];
  for (auto& id : labels.data) id = target[id];
}

OntologyMapping::Loss OntologyMapping::loss() const {
  Loss loss;
  std::map<ClassId, std::vector<ClassId>> sources;
  for (const auto& line : lines_) {
    if (line.to == kIgnoreId)
      loss.ignored.push_back(line.from);
    else
      sources[line.to].push_back(line.from);
  }
  for (const auto& c : to_.classes()) {
    if (!sources.contains(c.id)) loss.never.push_back(c.id);
    if (sources[c.id].size() > 1) loss.merged[c.id] = sources[c.id];
  }
  return loss;
}

std::string OntologyMapping::to_yaml() const {
  const auto quoted = [](const std::string& name) { return nlohmann::json(name).dump(); };
  std::string text = fmt::format("from: {}\nto: {}\nclasses:\n", quoted(from_.name()), quoted(to_.name()));
  std::vector<std::string> ignored;
  for (const auto& line : lines_) {
    if (line.to == kIgnoreId)
      ignored.push_back(quoted(from_[line.from].name));
    else
      text += fmt::format("  {}: {}\n", quoted(from_[line.from].name), quoted(to_[line.to].name));
  }
  return text + fmt::format("ignore: [{}]\n", fmt::join(ignored, ", "));
}

OntologyMapping find_mapping(const Ontology& from, const std::string& file_or_ontology) {
  std::error_code error;
  const fs::path file = file_or_ontology;
  const fs::path shipped = home_folder() / "ontologies" / "mappings" / (file_or_ontology + ".yaml");
  for (const fs::path& candidate : {file, shipped}) {
    if (candidate.extension() != ".yaml" || !fs::is_regular_file(candidate, error)) continue;
    if (candidate == shipped && file.has_extension()) continue;
    // A mapping file has a target; an ontology file has none.
    YAML::Node node;
    try {
      node = YAML::LoadFile(candidate.string());
    } catch (const YAML::Exception& problem) {
      fail("{}:{}: not valid YAML: {}", candidate.string(), problem.mark.line + 1, problem.msg);
    }
    if (!node.IsMap() || !node["to"]) continue;
    return OntologyMapping::load(candidate, from, find_ontology(node["to"].as<std::string>("")));
  }
  return OntologyMapping::find(from, find_ontology(file_or_ontology));
}

}  // namespace bramble
