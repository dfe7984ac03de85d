#include <fmt/format.h>

#include <memory>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/ontology/mapping.hpp"
#include "command.hpp"

namespace bramble {

namespace {

struct OntologyCommandOptions {
  std::string from, to;
  std::filesystem::path page;
  bool yaml = false;
};

void show(const OntologyCommandOptions& options, const CommonOptions& common) {
  if (options.from.empty()) {
    for (const auto& name : shipped_ontologies()) fmt::print("{:<14} {} classes\n", name, find_ontology(name).size());
    return write_json(common, shipped_ontologies());
  }
  const Ontology ontology = find_ontology(options.from);
  fmt::print("{}: {} classes\n{:>3}  {:<24} {:<12} {:<14} {}\n", ontology.name(), ontology.size(), "id", "class",
             "colour", "in label files", "means");
  for (const auto& c : ontology.classes())
    fmt::print("{:>3}  {:<24} #{:02x}{:02x}{:02x}      {:<14} {}\n", c.id, c.name, c.color[0], c.color[1], c.color[2],
               c.raw.empty() ? std::to_string(c.id) : fmt::format("{}", fmt::join(c.raw, ",")),
               fmt::join(c.means, ", "));
  for (const auto& v : ontology.ignored())
    fmt::print("  -  {:<24} #{:02x}{:02x}{:02x}      {:<14} ignored\n", v.name, v.color[0], v.color[1], v.color[2],
               v.raw);
  write_json(common, nlohmann::ordered_json::parse(ontology.to_gaia_json()));
}

nlohmann::ordered_json to_json(const OntologyMapping& mapping) {
  nlohmann::ordered_json classes;
  for (const auto& line : mapping.lines())
    classes[mapping.from()[line.from].name] =
        line.to == kIgnoreId ? nlohmann::ordered_json() : nlohmann::ordered_json(mapping.to()[line.to].name);
  const auto names = [](const Ontology& ontology, const std::vector<ClassId>& ids) {
    std::vector<std::string> out;
    for (const auto id : ids) out.push_back(ontology[id].name);
    return out;
  };
  const auto loss = mapping.loss();
  nlohmann::ordered_json merged = nlohmann::ordered_json::object();
  for (const auto& [target, sources] : loss.merged) merged[mapping.to()[target].name] = names(mapping.from(), sources);
  return {{"from", mapping.from().name()},
          {"to", mapping.to().name()},
          {"classes", classes},
          {"ignored", names(mapping.from(), loss.ignored)},
          {"merged", merged},
          {"never", names(mapping.to(), loss.never)}};
}

void map(const OntologyCommandOptions& options, const CommonOptions& common) {
  const auto mapping = find_mapping(find_ontology(options.from), options.to);
  if (options.yaml)
    fmt::print("{}", mapping.to_yaml());
  else
    fmt::print("{}", to_text(mapping));
  if (!options.page.empty()) write_file_atomically(options.page, to_html(mapping));
  write_json(common, to_json(mapping));
}

// Loads every ontology and mapping, or those named, and says what would be lost.
void check(const OntologyCommandOptions& options, const CommonOptions& common) {
  if (!options.from.empty()) {
    const Ontology ontology = find_ontology(options.from);
    if (options.to.empty()) {
      fmt::print("{}: {} classes, {} ignored values, sound\n", ontology.name(), ontology.size(),
                 ontology.ignored().size());
      return write_json(common, {{"ontology", ontology.name()}, {"classes", ontology.size()}});
    }
    const auto mapping = find_mapping(ontology, options.to);
    const auto loss = mapping.loss();
    write_json(common, to_json(mapping));
    if (!loss.ignored.empty() || !loss.merged.empty())
      fail(
          "{} to {} loses something: {} of {} classes have no target, {} targets take several; see: bramble ontology "
          "map {} {}",
          ontology.name(), mapping.to().name(), loss.ignored.size(), ontology.size(), loss.merged.size(), options.from,
          options.to);
    fmt::print("{} to {}: nothing is lost\n", ontology.name(), mapping.to().name());
    return;
  }
  const auto names = shipped_ontologies();
  nlohmann::ordered_json table;
  fmt::print("classes lost from (down) to (across)\n{:<14}", "");
  for (const auto& name : names) fmt::print(" {:>13}", name);
  fmt::print("\n");
  for (const auto& from : names) {
    fmt::print("{:<14}", from);
    for (const auto& to : names) {
      const auto mapping = OntologyMapping::find(find_ontology(from), find_ontology(to));
      const auto lost = mapping.loss().ignored.size();
      table[from][to] = lost;
      fmt::print(" {:>10}/{:<2}", lost, mapping.from().size());
    }
    fmt::print("\n");
  }
  write_json(common, table);
}

}  // namespace

void add_ontology_command(CLI::App& app, CommonOptions& common) {
  auto* cmd = app.add_subcommand("ontology", "Classes of data sets, and what is lost between two of them");
  cmd->require_subcommand(1);
  cmd->fallthrough();
  auto options = std::make_shared<OntologyCommandOptions>();
  auto* show_command = cmd->add_subcommand("show", "The classes of one, or the names of those that are shipped");
  show_command->fallthrough();
  show_command->add_option("ONTOLOGY", options->from, "a file, or a shipped name");
  show_command->footer("Examples:\n  bramble ontology show\n  bramble ontology show rellis3d");
  show_command->callback([options, &common] { show(*options, common); });

  auto* map_command = cmd->add_subcommand("map", "How the classes of one become those of another");
  map_command->fallthrough();
  map_command->add_option("FROM", options->from, "ontology: a file, or a shipped name")->required();
  map_command->add_option("TO", options->to, "ontology, or a mapping file")->required();
  map_command->add_option("-o,--output", options->page, "also write a page (HTML) that shows it");
  map_command->add_flag("--yaml", options->yaml, "print a mapping file to edit instead of the table");
  map_command->footer(
      "Examples:\n  bramble ontology map rellis3d bramble -o mapping.html\n"
      "  bramble ontology map rugd goose --yaml > rugd_to_goose.yaml");
  map_command->callback([options, &common] { map(*options, common); });

  auto* check_command =
      cmd->add_subcommand("check", "Whether files are sound, and (with two) that nothing is lost between them");
  check_command->fallthrough();
  check_command->add_option("FROM", options->from, "none: a table of all that are shipped");
  check_command->add_option("TO", options->to, "exit status 1 when classes are lost or merged");
  check_command->footer("Examples:\n  bramble ontology check\n  bramble ontology check mine.yaml bramble");
  check_command->callback([options, &common] { check(*options, common); });
}

}  // namespace bramble
