#pragma once
#include "bramble/bag/storage.hpp"

namespace bramble {

/// How a SQLite database is kept whole while it is written. With either a killed recorder loses at most what was not
/// committed (rosbag2's own default, a journal in memory, loses the file).
enum class SqliteJournal {
  /// A write-ahead log: others can read meanwhile, and a power cut damages nothing. Every byte is written twice.
  kLog,
  /// A file with the pages as they were before a transaction, rolled back by whoever opens the database after a kill.
  /// Bytes are written once; nobody can read meanwhile, and after a power cut the file may be damaged.
  kRollback,
};

/// A SQLite database as rosbag2's sqlite3 plug-in lays it out: schema 3 (humble) or 4 (jazzy). close() leaves one file.
std::unique_ptr<StorageWriter> create_sqlite_file(const std::filesystem::path& file, const std::string& ros_distro,
                                                  SqliteJournal journal);

/// Reads one, of schemas 1 to 4. Messages come in order of (timestamp, id). Memory holds one message, and 24 bytes for
/// each of a file that has no usable time index. `recover`: a cut or damaged database gives what is whole.
std::unique_ptr<StorageReader> open_sqlite_file(const std::filesystem::path& file, std::vector<std::string> wanted,
                                                bool recover);

}  // namespace bramble
