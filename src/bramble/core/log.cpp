#include "bramble/core/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace bramble {

void set_verbosity(Verbosity verbosity) {
  auto logger = spdlog::get("bramble");
  if (!logger) logger = spdlog::stderr_color_mt("bramble");
  logger->set_pattern("%^%l:%$ %v");
  logger->set_level(verbosity == Verbosity::kQuiet    ? spdlog::level::warn
                    : verbosity == Verbosity::kNormal ? spdlog::level::info
                                                      : spdlog::level::debug);
  spdlog::set_default_logger(logger);
}

}  // namespace bramble
