#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bramble {

/// Whole content of a file. Throws Error naming the path when it is missing or unreadable.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path);
std::string read_text_file(const std::filesystem::path& path);

/// Writes beside the target and renames, so that a reader sees the old file or the new one, never half of it.
/// Creates missing parent folders. Throws Error naming the path (and «no space left» when the disk is full);
/// the temporary file is removed then.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// Throws Error when fewer than `bytes` are free on the disk that will hold `path`.
void require_free_space(const std::filesystem::path& path, std::uint64_t bytes, std::string_view purpose);

}  // namespace bramble
