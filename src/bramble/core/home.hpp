#pragma once
#include <filesystem>

namespace bramble {

/// Folder of data that ships with Bramble (scenarios, ontologies, config, assets): $BRAMBLE_HOME, else found upwards of
/// the program's file, else the working folder.
std::filesystem::path home_folder();

}  // namespace bramble
