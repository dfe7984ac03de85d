#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace bramble {

/// Whether bytes begin as a zstd frame does. (A CDR payload begins with 00.)
bool is_zstd(std::span<const std::uint8_t> bytes);
/// One zstd frame unpacked. Memory follows what is really unpacked, never what the frame claims. Throws Error when it
/// is damaged, cut, or holds more than 1e9 bytes (the most a bag's message can have).
std::vector<std::uint8_t> unpack_zstd(std::span<const std::uint8_t> packed);
/// One zstd frame (level 1, as rosbag2) that says how much it holds: rosbag2 relies on it.
std::vector<std::uint8_t> pack_zstd(std::span<const std::uint8_t> bytes);
/// Packs a whole file. Throws Error naming it; there is no target then.
void pack_zstd_file(const std::filesystem::path& file, const std::filesystem::path& target);
/// Unpacks a whole file. Throws Error naming it; the target is removed then.
void unpack_zstd_file(const std::filesystem::path& packed, const std::filesystem::path& target);

}  // namespace bramble
