#include "bramble/bag/sqlite.hpp"

#include <cctype>
#include <fstream>

#include "bramble/core/error.hpp"

namespace bramble {

namespace {

// «file:» address of a path, for options that only an address can carry.
std::string file_uri(const std::filesystem::path& file) {
  std::string uri = "file:";
  for (const unsigned char c : std::filesystem::absolute(file).string())
    uri += std::isalnum(c) || c == '/' || c == '-' || c == '_' || c == '.' ? std::string(1, static_cast<char>(c))
                                                                           : fmt::format("%{:02X}", c);
  return uri;
}

// Whether a rollback journal lies beside a database (an ended one is empty or begins with zeros).
bool journal_waits(const std::filesystem::path& file) {
  std::ifstream in(file.string() + "-journal", std::ios::binary);
  return in.peek() > 0;
}

}  // namespace

SqliteDatabase::SqliteDatabase(const std::filesystem::path& file, Mode mode)
    : file_(file), handle_(nullptr, sqlite3_close) {
  const auto open = [&](const std::string& name, int flags) {
    sqlite3* raw = nullptr;
    const int status = sqlite3_open_v2(name.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    handle_.reset(raw);
    if (status != SQLITE_OK) fail_now("open");
  };
  if (mode == Mode::kCreate) {
    open(file.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    return;
  }
  if (mode == Mode::kWrite) {
    open(file.string(), SQLITE_OPEN_READWRITE);
    return;
  }
  open(file.string(), SQLITE_OPEN_READONLY);
  const auto look = [&] {
    return sqlite3_exec(handle_.get(), "SELECT count(*) FROM sqlite_master", nullptr, nullptr, nullptr);
  };
  int status = look();
  // What a killed writer left half-written must be rolled back before anyone can read, and only a writer can do that.
  if (status == SQLITE_READONLY || (status == SQLITE_CANTOPEN && journal_waits(file))) {
    try {
      open(file.string(), SQLITE_OPEN_READWRITE);
      if (look() != SQLITE_OK) fail_now("open");
    } catch (const Error&) {
      fail(
          "cannot open {}: a recorder was killed, and what its journal {}-journal says can only be done where the "
          "folder is writable; copy the bag to one",
          file.string(), file.string());
    }
    open(file.string(), SQLITE_OPEN_READONLY);
    status = look();
  }
  if (status == SQLITE_BUSY)
    fail(
        "cannot read {}: it is being recorded, and its recorder lets nobody read before it ends (storage preset "
        "«none»)",
        file.string());
  // A database in WAL mode wants to make its shared-memory file; in a read-only place without a log, read as it is.
  const auto log = file.string() + "-wal";
  if (status == SQLITE_CANTOPEN) {
    std::error_code error;
    if (std::filesystem::exists(log, error) && std::filesystem::file_size(log, error) > 0)
      fail(
          "cannot open {}: a recorder was killed and its log {} can only be read in a folder that is writable; copy "
          "the bag to one",
          file.string(), log);
    open(file_uri(file) + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  }
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_exec(handle_.get(), "PRAGMA cell_size_check=ON", nullptr, nullptr, nullptr);
  if (mode == Mode::kRecover) sqlite3_exec(handle_.get(), "PRAGMA writable_schema=ON", nullptr, nullptr, nullptr);
}

void SqliteDatabase::fail_now(const std::string& doing) const {
  const int code = handle_ ? sqlite3_errcode(handle_.get()) : SQLITE_NOMEM;
  if (code == SQLITE_FULL)
    fail("cannot {} {}: no space left on the disk; free some space or choose another folder", doing, file_.string());
  if (handle_ && sqlite3_extended_errcode(handle_.get()) == SQLITE_IOERR_WRITE)
    fail("cannot {} {}: the disk takes no more: no space, a quota, a limit on file size (ulimit -f), or a fault", doing,
         file_.string());
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

SqliteBlobs::SqliteBlobs(const SqliteDatabase& database, std::string table, std::string column)
    : database_(&database),
      table_(std::move(table)),
      column_(std::move(column)),
      handle_(nullptr, sqlite3_blob_close) {}

std::vector<std::uint8_t> SqliteBlobs::read(std::int64_t row) {
  int status = handle_ ? sqlite3_blob_reopen(handle_.get(), row) : SQLITE_ABORT;
  if (status != SQLITE_OK) {  // the first one, or the handle is spent: a failure or a change of the table ends it
    handle_.reset();
    sqlite3_blob* raw = nullptr;
    status = sqlite3_blob_open(database_->get(), "main", table_.c_str(), column_.c_str(), row, 0, &raw);
    handle_.reset(raw);
    if (status != SQLITE_OK) database_->fail_now("read");
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(sqlite3_blob_bytes(handle_.get())));
  if (!bytes.empty() && sqlite3_blob_read(handle_.get(), bytes.data(), static_cast<int>(bytes.size()), 0) != SQLITE_OK)
    database_->fail_now("read");
  return bytes;
}

}  // namespace bramble
