#include "dnsd/state/database.hpp"

#include <sqlite3.h>

namespace dnsd {
namespace {

void check(int code, sqlite3* database) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  throw SqliteError{code & 0xff,
                    database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database)};
}

}  // namespace

bool SqliteError::is_damage() const {
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

void CloseDatabase::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Database open_database(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  Database database(raw);
  check(code, raw);
  return database;
}

void execute(const Database& database, const std::string& sql) {
  check(sqlite3_exec(database.get(), sql.c_str(), nullptr, nullptr, nullptr), database.get());
}

void copy_database(const Database& from, const Database& to) {
  // Errors of both are left in the connection that is written.
  sqlite3_backup* const copying = sqlite3_backup_init(to.get(), "main", from.get(), "main");
  if (copying == nullptr) check(sqlite3_errcode(to.get()), to.get());
  const int code = sqlite3_backup_step(copying, -1);
  // sqlite3_backup_finish() reports no error when a lock was busy: SQLite expects the caller to try
  // again.
  const int end = sqlite3_backup_finish(copying);
  check(end, to.get());
  check(code, nullptr);
}

// Transaction

Transaction::Transaction(const Database& database) : database_(database) {
  execute(database_, "BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (is_open_) sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  execute(database_, "COMMIT");
  is_open_ = false;
}

// Statement

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(const Database& database, const char* sql) : database_(database.get()) {
  sqlite3_stmt* raw = nullptr;
  check(sqlite3_prepare_v2(database_, sql, -1, &raw, nullptr), database_);
  statement_.reset(raw);
}

Statement& Statement::bind(const std::string& text) {
  check(sqlite3_bind_text64(statement_.get(), ++bound_, text.data(), text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8),
        database_);
  return *this;
}

Statement& Statement::bind(std::int64_t number) {
  check(sqlite3_bind_int64(statement_.get(), ++bound_, number), database_);
  return *this;
}

Statement& Statement::bind(base::Bytes blob) {
  check(sqlite3_bind_blob64(statement_.get(), ++bound_, blob.data(), blob.size(), SQLITE_TRANSIENT),
        database_);
  return *this;
}

Statement& Statement::bind_null() {
  check(sqlite3_bind_null(statement_.get(), ++bound_), database_);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  check(code, database_);
  return code == SQLITE_ROW;
}

void Statement::run() {
  while (step()) {
  }
  check(sqlite3_reset(statement_.get()), database_);
  bound_ = 0;
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const base::Bytes octets = blob(column);
  return {octets.begin(), octets.end()};
}

base::Bytes Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
}

}  // namespace dnsd
