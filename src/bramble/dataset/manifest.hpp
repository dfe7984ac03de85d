#pragma once
#include <cstdint>
#include <filesystem>

#include "bramble/dataset/problems.hpp"

namespace bramble {

/// Writes FOLDER/SHA256SUMS: a line «digest  path» for every file of a data set, sorted by path, as sha256sum writes
/// them; `sha256sum -c SHA256SUMS` checks it without Bramble. Returns the number of files. Memory holds one line a file
/// of the folder it is in.
std::uint64_t write_manifest(const std::filesystem::path& folder);

/// Reads every file that SHA256SUMS names and adds to `problems` those that are missing, changed, or not named.
/// Returns the number of files; 0 when there is no manifest.
std::uint64_t check_manifest(const std::filesystem::path& folder, Problems& problems);

}  // namespace bramble
