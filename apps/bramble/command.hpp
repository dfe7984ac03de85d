#pragma once
#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "bramble/core/home.hpp"

namespace bramble {

/// Options that every subcommand understands; main() parses them before the subcommand's own body runs.
struct CommonOptions {
  int threads = 0;                  ///< 0: all cores
  std::filesystem::path json_file;  ///< where to write figures for machines; empty: nowhere
};

/// Writes figures to --json FILE, if given.
void write_json(const CommonOptions& common, const nlohmann::json& figures);

/// What there is in a folder, for messages: names of the entries that count, or «none».
std::string names_in(const std::filesystem::path& folder,
                     const std::function<bool(const std::filesystem::path&)>& counts);

/// `given` if it exists, else home_folder()/folder/given, else that with the extension added; throws Error listing
/// what there is in that folder.
std::filesystem::path find_shipped(const std::filesystem::path& given, const std::string& folder,
                                   const std::string& extension);

/// Whether a folder is a model package.
bool is_model(const std::filesystem::path& folder);
/// The folder of a model package: `given`, or models/`given` of what ships («default»). Throws Error listing what there
/// is when there is neither.
std::filesystem::path find_model(const std::filesystem::path& given);

}  // namespace bramble
