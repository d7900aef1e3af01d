#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"

struct sqlite3;
struct sqlite3_stmt;

/// SQLite's C interface in four types: handles that close themselves, and errors that are thrown.
/// StateStore catches SqliteError, so that it never leaves this folder. A database and what was
/// made from it belong to one thread at a time. The content of the tables is not known here: see
/// migrations.hpp for the tables and state_store.hpp for the rows.
namespace dnsd {

struct SqliteError {
  int code;             ///< SQLITE_…, without its extension
  std::string message;  ///< SQLite's own words, without a file name

  /// A new file mends it.
  [[nodiscard]] bool is_damage() const;
};

struct CloseDatabase {
  void operator()(sqlite3* database) const;
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

/// Opens the file, or makes an empty one. \throws SqliteError
[[nodiscard]] Database open_database(const std::string& path);
/// Runs statements without parameters and drops their rows. \throws SqliteError
void execute(const Database& database, const std::string& sql);
/// Copies one database over another, page by page. \throws SqliteError
void copy_database(const Database& from, const Database& to);

/// What is executed while it lives is on disk after commit(), or undone. Not nested.
class Transaction {
 public:
  /// Takes the write lock. \throws SqliteError
  explicit Transaction(const Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// At the end, once. \throws SqliteError
  void commit();

 private:
  const Database& database_;
  bool is_open_ = true;
};

/// A prepared statement. Parameters are bound in the order of the calls; columns count from 0.
class Statement {
 public:
  /// \throws SqliteError, as all of the functions that are not const
  Statement(const Database& database, const char* sql);

  Statement& bind(const std::string& text);
  Statement& bind(std::int64_t number);
  Statement& bind(base::Bytes blob);  ///< not empty
  Statement& bind_null();

  /// \return whether there is a row.
  bool step();
  /// Runs it to its end; then new parameters can be bound.
  void run();

  // Of the current row. What has another type is converted as SQLite does; NULL is 0 or empty.
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::string text(int column) const;
  /// Borrowed until the next step.
  [[nodiscard]] base::Bytes blob(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
};

}  // namespace dnsd
