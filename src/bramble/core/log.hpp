#pragma once
#include <spdlog/spdlog.h>

namespace bramble {

/// The one piece of global state: where messages for people go (stderr). `-v` and `-q` set the level.
/// Use spdlog::debug / info / warn / error directly.
enum class Verbosity { kQuiet, kNormal, kVerbose };
void set_verbosity(Verbosity verbosity);

}  // namespace bramble
