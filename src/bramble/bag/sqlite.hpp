#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bramble {

/// A SQLite connection whose failures are Errors that name the file. What is read may come from anywhere, so a
/// database's own triggers, views and functions are never run.
class SqliteDatabase {
 public:
  enum class Mode {
    kCreate,   ///< write a new file
    kWrite,    ///< change one that is there
    kRead,     ///< read; does not fold in the log of a killed writer, but rolls back a transaction it left half-written
    kRecover,  ///< as kRead, and a file that is shorter than its header says is opened too
  };
  SqliteDatabase(const std::filesystem::path& file, Mode mode);
  void execute(const std::string& sql);
  /// Throws the Error for the connection's last failure.
  [[noreturn]] void fail_now(const std::string& doing) const;
  /// Whether a transaction is open. (SQLite ends one by itself after some failures.)
  bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
  sqlite3* get() const { return handle_.get(); }
  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> handle_;
};

/// A prepared statement; columns and parameters are read and bound by position.
class SqliteStatement {
 public:
  SqliteStatement(const SqliteDatabase& database, const std::string& sql);
  SqliteStatement& bind(int position, std::int64_t value);
  SqliteStatement& bind(int position, std::string_view text);
  /// The bytes must outlive the next step().
  SqliteStatement& bind(int position, std::span<const std::uint8_t> blob);
  /// Runs to the next row; false at the end. Throws Error.
  bool step();
  void reset();
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  std::string text(int column) const;
  /// Valid until the next step().
  std::span<const std::uint8_t> blob(int column) const;

 private:
  const SqliteDatabase* database_;
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
};

/// The blobs of one column, row by row, without SQLite's own copy of each that a statement makes.
class SqliteBlobs {
 public:
  SqliteBlobs(const SqliteDatabase& database, std::string table, std::string column);
  /// The blob (or text) of the row with this id. Throws Error.
  std::vector<std::uint8_t> read(std::int64_t row);

 private:
  const SqliteDatabase* database_;
  std::string table_, column_;
  std::unique_ptr<sqlite3_blob, int (*)(sqlite3_blob*)> handle_;
};

}  // namespace bramble
