#pragma once
#include "bramble/bag/mcap.hpp"
#include "bramble/bag/storage.hpp"

namespace bramble {

/// An MCAP file of profile ros2, as rosbag2's own plug-in writes it: chunks (1 MiB, or one message) with an index,
/// schemas and channels before their first message and again in the summary, statistics, the bag's metadata as a
/// record. Each chunk reaches the disk when it is full: a killed recorder loses at most the one in work.
std::unique_ptr<StorageWriter> create_mcap_file(const std::filesystem::path& file, const std::string& ros_distro,
                                                mcap::Compression compression);

}  // namespace bramble
