#pragma once
#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace bramble {

/// A YAML map that is read strictly: every problem is collected with file, line and key, and reported together, so
/// that one run shows all mistakes. Use:
///
///   YamlReader reader(path);                       // throws when the file is missing or not YAML
///   YamlBlock root = reader.root();
///   root.get("seed", config.seed);                 // leaves the default when the key is absent
///   root.get("fov_deg", config.fov_deg, 1.0, 179.0);   // range checked
///   YamlBlock sky = root.block("sky");             // an absent block reads as empty
///   reader.finish();                               // unknown keys are errors too; throws one Error listing all
class YamlReader;

class YamlBlock {
 public:
  YamlBlock(YamlReader* reader, YAML::Node node, std::string path)
      : reader_(reader), node_(node), path_(std::move(path)) {}

  bool has(const std::string& key) const;
  void get(const std::string& key, double& value, double low = -1e300, double high = 1e300);
  void get(const std::string& key, float& value, double low = -1e300, double high = 1e300);
  void get(const std::string& key, int& value, int low = INT32_MIN, int high = INT32_MAX);
  void get(const std::string& key, std::uint64_t& value);
  void get(const std::string& key, bool& value);
  void get(const std::string& key, std::string& value);
  /// `value` must be one of `choices`.
  void get(const std::string& key, std::string& value, const std::vector<std::string>& choices);
  void get(const std::string& key, std::vector<double>& value, int size = -1);
  void get(const std::string& key, std::vector<std::string>& value);
  YamlBlock block(const std::string& key);
  /// The maps of a list; empty when absent.
  std::vector<YamlBlock> list(const std::string& key);
  /// All keys of the map, in file order (for maps whose keys are names, not options).
  std::vector<std::string> keys() const;
  /// False once a problem was recorded at `key`: its value is then the default, and comparing it would only mislead.
  bool sound(const std::string& key) const;
  /// Records a problem at `key` (or at the block itself when key is empty).
  void complain(const std::string& key, const std::string& what);
  /// 1-based line of a key, or of the block itself when the key is absent; 0 when unknown.
  int line_of(const std::string& key) const;

 private:
  template <typename T>
  bool scalar(const std::string& key, T& value, const char* kind);
  YamlReader* reader_;
  YAML::Node node_;
  std::string path_;
};

class YamlReader {
 public:
  explicit YamlReader(std::filesystem::path file);
  /// For text that is not a file; `name` stands in messages.
  YamlReader(const std::string& text, std::string name);
  YamlBlock root();
  /// Throws one Error that lists every problem, a line each, in the order of the file, when there was any.
  void finish();

 private:
  friend class YamlBlock;
  struct Known {
    std::string path;
    YAML::Node node;
    std::vector<std::string> keys;
  };
  Known& known(const std::string& path, const YAML::Node& node);
  std::string name_;
  YAML::Node node_;
  std::vector<Known> known_;
  struct Problem {
    int line;
    std::string text;
  };
  void note(int line, std::string text);
  std::vector<Problem> problems_;
  std::set<std::string> unsound_;  // full paths of keys with problems
};

/// The candidate nearest to `word` by edit distance, or empty when none is near.
std::string nearest_word(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace bramble
