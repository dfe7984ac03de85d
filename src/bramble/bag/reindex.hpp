#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "bramble/bag/metadata.hpp"

namespace bramble {

/// Makes the metadata.yaml of a bag's folder anew from its files, as `ros2 bag reindex`, and sees to it that other
/// tools can read what a killed recorder left: a SQLite log is folded in, a file that is damaged or has no end is
/// written anew from what is whole of it (the old one is kept beside it, as NAME.damaged). Compression by message and
/// by file stays. `tell` is called with a line for each thing that was lost or changed. Throws Error when the folder
/// has no storage files, holds bags of ROS 1, or cannot be written.
BagMetadata reindex_bag(const std::filesystem::path& folder, const std::string& ros_distro,
                        const std::function<void(const std::string&)>& tell);

}  // namespace bramble
