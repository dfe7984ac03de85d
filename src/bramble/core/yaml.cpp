#include "bramble/core/yaml.hpp"

#include <algorithm>
#include <numeric>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

std::string joined(const std::string& path, const std::string& key) {
  return path.empty() ? key : key.empty() ? path : path + "." + key;
}

int edit_distance(const std::string& a, const std::string& b) {
  std::vector<int> previous(b.size() + 1);
  std::iota(previous.begin(), previous.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::vector<int> current{static_cast<int>(i) + 1};
    for (std::size_t j = 0; j < b.size(); ++j)
      current.push_back(std::min({previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] != b[j])}));
    previous = std::move(current);
  }
  return previous.back();
}

}  // namespace

std::string nearest_word(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = static_cast<int>(word.size()) / 3 + 2;
  for (const auto& candidate : candidates) {
    const int distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

YamlReader::YamlReader(std::filesystem::path file) : YamlReader(read_text_file(file), file.string()) {}

YamlReader::YamlReader(const std::string& text, std::string name) : name_(std::move(name)) {
  try {
    node_ = YAML::Load(text);
  } catch (const YAML::Exception& error) {
    fail("{}:{}: not valid YAML: {}", name_, error.mark.line + 1, error.msg);
  }
  if (!node_.IsMap()) fail("{}:1: expected a map of keys and values", name_);
}

YamlBlock YamlReader::root() {
  known("", node_);
  return {this, node_, ""};
}

YamlReader::Known& YamlReader::known(const std::string& path, const YAML::Node& node) {
  for (auto& entry : known_)
    if (entry.path == path) return entry;
  known_.push_back({path, node, {}});
  return known_.back();
}

void YamlReader::finish() {
  for (const auto& entry : known_) {
    if (!entry.node.IsMap()) continue;
    std::set<std::string> seen;
    for (const auto& item : entry.node) {
      const auto key = item.first.as<std::string>("");
      if (!seen.insert(key).second)
        note(item.first.Mark().line + 1,
             fmt::format("'{}' stands twice, only the first counts; keep one", joined(entry.path, key)));
      if (std::find(entry.keys.begin(), entry.keys.end(), key) != entry.keys.end()) continue;
      const auto suggestion = nearest_word(key, entry.keys);
      note(item.first.Mark().line + 1,
           fmt::format("unknown key '{}'{}", joined(entry.path, key),
                       suggestion.empty() ? "" : fmt::format("; did you mean '{}'?", suggestion)));
    }
  }
  if (problems_.empty()) return;
  std::stable_sort(problems_.begin(), problems_.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
  std::vector<std::string> texts;
  for (const Problem& problem : problems_) texts.push_back(fmt::format("{}:{}: {}", name_, problem.line, problem.text));
  throw Error(fmt::format("{}", fmt::join(texts, "\n")));
}

void YamlReader::note(int line, std::string text) { problems_.push_back({line, std::move(text)}); }

bool YamlBlock::has(const std::string& key) const { return node_.IsMap() && node_[key].IsDefined(); }

int YamlBlock::line_of(const std::string& key) const {
  // The key's own line: that of an empty value is where the next one begins.
  if (!key.empty() && node_.IsMap())
    for (const auto& item : node_)
      if (item.first.IsScalar() && item.first.Scalar() == key) return item.first.Mark().line + 1;
  return node_.IsDefined() ? node_.Mark().line + 1 : 0;
}

bool YamlBlock::sound(const std::string& key) const { return !reader_->unsound_.contains(joined(path_, key)); }

void YamlBlock::complain(const std::string& key, const std::string& what) {
  reader_->unsound_.insert(joined(path_, key));
  reader_->note(line_of(key), fmt::format("'{}' {}", joined(path_, key), what));
}

template <typename T>
bool YamlBlock::scalar(const std::string& key, T& value, const char* kind) {
  reader_->known(path_, node_).keys.push_back(key);
  if (!has(key)) return false;
  try {
    value = node_[key].template as<T>();
    return true;
  } catch (const YAML::Exception&) {
    const YAML::Node found = node_[key];
    complain(key, found.IsNull()
                      ? fmt::format("is empty, must be {}", kind)
                      : fmt::format("must be {}, not {}", kind, found.IsScalar() ? found.Scalar() : "a list or map"));
    return false;
  }
}

void YamlBlock::get(const std::string& key, double& value, double low, double high) {
  double read = value;
  if (!scalar(key, read, "a number")) return;
  if (!(read >= low && read <= high)) return complain(key, fmt::format("is {}, must lie in [{}, {}]", read, low, high));
  value = read;
}
void YamlBlock::get(const std::string& key, float& value, double low, double high) {
  double read = value;
  get(key, read, low, high);
  value = static_cast<float>(read);
}
void YamlBlock::get(const std::string& key, int& value, int low, int high) {
  int read = value;
  if (!scalar(key, read, "a whole number")) return;
  if (read < low || read > high) return complain(key, fmt::format("is {}, must lie in [{}, {}]", read, low, high));
  value = read;
}
void YamlBlock::get(const std::string& key, std::uint64_t& value) {
  scalar(key, value, "a whole number, not negative");
}
void YamlBlock::get(const std::string& key, bool& value) { scalar(key, value, "true or false"); }
void YamlBlock::get(const std::string& key, std::string& value) { scalar(key, value, "a text"); }
void YamlBlock::get(const std::string& key, std::string& value, const std::vector<std::string>& choices) {
  std::string read = value;
  if (!scalar(key, read, "a text")) return;
  if (std::find(choices.begin(), choices.end(), read) == choices.end())
    return complain(key, fmt::format("is '{}', must be one of: {}", read, fmt::join(choices, ", ")));
  value = read;
}
void YamlBlock::get(const std::string& key, std::vector<double>& value, int size) {
  std::vector<double> read;
  if (!scalar(key, read, "a list of numbers")) return;
  if (size >= 0 && static_cast<int>(read.size()) != size)
    return complain(key, fmt::format("has {} numbers, must have {}", read.size(), size));
  value = std::move(read);
}
void YamlBlock::get(const std::string& key, std::vector<std::string>& value) { scalar(key, value, "a list of texts"); }

YamlBlock YamlBlock::block(const std::string& key) {
  reader_->known(path_, node_).keys.push_back(key);
  YAML::Node child = has(key) ? static_cast<YAML::Node>(node_[key]) : YAML::Node(YAML::NodeType::Map);
  if (!child.IsMap()) {
    if (!child.IsNull()) complain(key, "must be a map of keys and values");
    child = YAML::Node(YAML::NodeType::Map);
  }
  reader_->known(joined(path_, key), child);
  return {reader_, child, joined(path_, key)};
}

std::vector<YamlBlock> YamlBlock::list(const std::string& key) {
  reader_->known(path_, node_).keys.push_back(key);
  std::vector<YamlBlock> blocks;
  if (!has(key)) return blocks;
  const YAML::Node child = node_[key];
  if (!child.IsSequence()) {
    complain(key, "must be a list");
    return blocks;
  }
  for (std::size_t i = 0; i < child.size(); ++i) {
    const auto path = fmt::format("{}[{}]", joined(path_, key), i);
    if (!child[i].IsMap()) {
      reader_->note(child[i].Mark().line + 1, fmt::format("'{}' must be a map of keys and values", path));
      continue;
    }
    reader_->known(path, child[i]);
    blocks.emplace_back(reader_, child[i], path);
  }
  return blocks;
}

std::vector<std::string> YamlBlock::keys() const {
  std::vector<std::string> names;
  if (node_.IsMap())
    for (const auto& item : node_) names.push_back(item.first.as<std::string>(""));
  return names;
}

}  // namespace bramble
