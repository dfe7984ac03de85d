#pragma once
#include "bramble/bag/storage.hpp"

namespace bramble {

/// A SQLite database as rosbag2's sqlite3 plug-in lays it out: schema 3 (humble) or 4 (jazzy). While it is written it
/// is in WAL mode, so that a killed recorder loses at most what was not committed (rosbag2's own default loses the
/// file); close() folds the log in.
std::unique_ptr<StorageWriter> create_sqlite_file(const std::filesystem::path& file, const std::string& ros_distro);

/// Reads one, of schemas 1 to 4. Messages come in order of (timestamp, id). Memory holds one message, and 24 bytes for
/// each of a file that has no usable time index. `recover`: a cut or damaged database gives what is whole.
std::unique_ptr<StorageReader> open_sqlite_file(const std::filesystem::path& file, std::vector<std::string> wanted,
                                                bool recover);

}  // namespace bramble
