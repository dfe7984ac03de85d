#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace bramble {

/// A file of the dashboard's page, as it lies in the binary.
struct PageFile {
  std::string_view path;  ///< «/app.js»
  std::string_view etag;  ///< with its quotes
  std::span<const std::uint8_t> bytes;
};

/// The page's files, put into the binary by CMake (cmake/EmbedPage.cmake); the first is «/index.html».
std::span<const PageFile> page_files();

}  // namespace bramble
