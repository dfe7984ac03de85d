#pragma once
#include <cstdio>
#include <string>
#include <utility>

#include "bramble/core/error.hpp"

namespace bramble {

/// «512x384» → (512, 384). Throws Error for anything else.
inline std::pair<int, int> parse_size(const std::string& text) {
  int width = 0, height = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%dx%d%c", &width, &height, &rest) != 2 || width < 1 || height < 1 || width > 16384 ||
      height > 16384)
    fail("'{}' is not a size; write WIDTHxHEIGHT, for example 512x384", text);
  return {width, height};
}

}  // namespace bramble
