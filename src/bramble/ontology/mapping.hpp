#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Where a line of a mapping comes from.
enum class MappedBy {
  kFile,     ///< a mapping file says so
  kMeaning,  ///< both classes mean the same
  kBroader,  ///< the other class means something more general («puddle» to «water»)
  kName,     ///< same name, no meanings given
  kNothing,  ///< no class fits: the pixels become ignored (255)
};

/// How the classes of one ontology become those of another. Every class of `from` has exactly one target, a class of
/// `to` or kIgnoreId.
class OntologyMapping {
 public:
  struct Line {
    ClassId from = 0;
    ClassId to = kIgnoreId;
    MappedBy by = MappedBy::kNothing;
    std::string via;  ///< the meaning they share
  };

  /// YAML: `from:`, `to:` names, `classes:` map of class to class, `ignore:` list of classes. Throws Error with file
  /// and line for a class that either ontology lacks, that stands twice or not at all, or other ontologies' names.
  static OntologyMapping load(const std::filesystem::path& file, const Ontology& from, const Ontology& to);
  /// From the meanings: a class goes to the class of `to` with the same meaning, else with the nearest more general
  /// one, never to a more special one. Ontologies without meanings go by equal names (upper and lower case, «-», «_»
  /// and space alike).
  static OntologyMapping derive(const Ontology& from, const Ontology& to);
  /// The mapping shipped as ontologies/mappings/FROM_to_TO.yaml, else derive().
  static OntologyMapping find(const Ontology& from, const Ontology& to);

  const Ontology& from() const { return from_; }
  const Ontology& to() const { return to_; }
  const std::vector<Line>& lines() const { return lines_; }
  ClassId operator[](ClassId id) const { return id < lines_.size() ? lines_[id].to : kIgnoreId; }
  /// Changes ids of `from` into ids of `to` in place, [H, W, 1].
  void apply(ImageU8& labels) const;

  /// What cannot be told apart, or is not there any more, after mapping.
  struct Loss {
    std::vector<ClassId> ignored;                    ///< classes of `from` without target
    std::map<ClassId, std::vector<ClassId>> merged;  ///< class of `to` that several classes of `from` become
    std::vector<ClassId> never;                      ///< classes of `to` that nothing becomes
  };
  Loss loss() const;
  /// Text that load() reads back.
  std::string to_yaml() const;

 private:
  OntologyMapping(Ontology from, Ontology to) : from_(std::move(from)), to_(std::move(to)) {}
  Ontology from_, to_;
  std::vector<Line> lines_;  // by id of from
};

/// The mapping of a file, or onto an ontology (its name or file), as `--map` and `?map=` take it.
OntologyMapping find_mapping(const Ontology& from, const std::string& file_or_ontology);

/// Table for people, a line a class, and below it what is lost.
std::string to_text(const OntologyMapping& mapping);
/// A page of its own (HTML): both ontologies side by side, bands between their classes, and what is lost.
std::string to_html(const OntologyMapping& mapping);

}  // namespace bramble
