#pragma once
#include <filesystem>
#include <string>

namespace bramble {

/// The file with ImageNet weights of a backbone under $BRAMBLE_WEIGHTS_DIR or the home folder's .deps/weights. Throws
/// Error.
std::filesystem::path find_pretrained(const std::string& backbone);

}  // namespace bramble
