#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// Where each class of one ontology goes in another; kIgnoreId: nowhere. Empty: every id stays as it is.
using ClassMap = std::vector<ClassId>;

/// Names of classes, from → to, out of a flat JSON or YAML map: `{"mud": "dirt", "puddle": "water"}`, the form that
/// PerceptionMetrics takes too. Throws Error naming file and line.
std::map<std::string, std::string> load_class_names(const std::filesystem::path& file);

/// The map from one ontology to another: as `named` says, else to the class of the same name, else nowhere. Throws
/// Error for names that neither ontology has. `from_name` and `to_name` stand in messages.
ClassMap make_class_map(const Ontology& from, const std::string& from_name, const Ontology& to,
                        const std::string& to_name, const std::map<std::string, std::string>& named);

/// Ids of a label image or an estimate, mapped. Ignored pixels stay ignored.
ImageU8 map_classes(ImageU8 ids, const ClassMap& map);

}  // namespace bramble
