#pragma once
#include "bramble/bag/storage.hpp"

namespace bramble {

/// Reads a ROS 1 bag of version 2.0 (wiki.ros.org/Bags/Format/2.0): chunks plain, bz2 or lz4, with an index or without
/// (.bag.active, or what a killed recorder left). Types, stamps and messages are ROS 2's: types package/msg/Name,
/// payloads CDR (Ros1Transcoder), by the definitions stored in the bag. Connections of one topic are one topic. The
/// file's records are walked once; messages come in order of (time, place in the file). Memory holds 32 bytes for each
/// message and one chunk. `recover`: of a torn file, a damaged chunk or a topic that cannot be converted, what is whole
/// is given; else that is an Error.
std::unique_ptr<StorageReader> open_ros1_bag(const std::filesystem::path& file, std::vector<std::string> wanted,
                                             bool recover);

}  // namespace bramble
