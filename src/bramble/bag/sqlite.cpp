#include "bramble/bag/sqlite.hpp"

#include "bramble/core/error.hpp"

namespace bramble {

SqliteDatabase::SqliteDatabase(const std::filesystem::path& file, Mode mode)
    : file_(file), handle_(nullptr, sqlite3_close) {
  sqlite3* raw = nullptr;
  const int flags = mode == Mode::kCreate ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
  int status = sqlite3_open_v2(file.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (status != SQLITE_OK && mode == Mode::kRead) {  // a read-only place
    sqlite3_close(raw);
    status = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  }
  handle_.reset(raw);
  if (status != SQLITE_OK) fail_now("open");
}

void SqliteDatabase::fail_now(const std::string& doing) const {
  const int code = handle_ ? sqlite3_errcode(handle_.get()) : SQLITE_NOMEM;
  if (code == SQLITE_FULL)
    fail("cannot {} {}: no space left on the disk; free some space or choose another folder", doing, file_.string());
  if (code == SQLITE_NOTADB) fail("cannot {} {}: it is not a SQLite database", doing, file_.string());
  if (code == SQLITE_CORRUPT)
    fail("cannot {} {}: the file is damaged or cut ({})", doing, file_.string(), sqlite3_errmsg(handle_.get()));
  fail("cannot {} {}: {}", doing, file_.string(), handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory");
}

void SqliteDatabase::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail_now("write");
}

SqliteStatement::SqliteStatement(const SqliteDatabase& database, const std::string& sql)
    : database_(&database), statement_(nullptr, sqlite3_finalize) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) database.fail_now("read");
  statement_.reset(raw);
}

SqliteStatement& SqliteStatement::bind(int position, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), position, value);
  return *this;
}
SqliteStatement& SqliteStatement::bind(int position, std::string_view text) {
  sqlite3_bind_text(statement_.get(), position, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  return *this;
}
SqliteStatement& SqliteStatement::bind(int position, std::span<const std::uint8_t> blob) {
  if (sqlite3_bind_blob64(statement_.get(), position, blob.data(), blob.size(), SQLITE_STATIC) != SQLITE_OK)
    database_->fail_now("write");
  return *this;
}
bool SqliteStatement::step() {
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return true;
  if (status != SQLITE_DONE) database_->fail_now(sqlite3_stmt_readonly(statement_.get()) ? "read" : "write");
  return false;
}
void SqliteStatement::reset() { sqlite3_reset(statement_.get()); }
std::string SqliteStatement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return text ? text : "";
}
std::span<const std::uint8_t> SqliteStatement::blob(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

}  // namespace bramble
