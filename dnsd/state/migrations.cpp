#include "dnsd/state/migrations.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "dnsd/state/state_folder.hpp"

namespace dnsd {
namespace {

// Version 0 to 1: what sources saw, and how far the serial is reserved.
void make_tables(const Database& database) {
  execute(database,
          "CREATE TABLE source (name TEXT PRIMARY KEY, own_key BLOB) WITHOUT ROWID;"
          // Times in Unix seconds; endpoint and both times are NULL for a peer that was never seen,
          // and last_seen is 0 for one that was not for so long that its endpoint is forgotten.
          "CREATE TABLE peer (source TEXT NOT NULL, public_key BLOB NOT NULL, endpoint TEXT,"
          " since INTEGER, last_seen INTEGER, allowed_ips TEXT NOT NULL,"
          " PRIMARY KEY (source, public_key)) WITHOUT ROWID;"
          "CREATE TABLE serial (only_row INTEGER PRIMARY KEY CHECK (only_row = 1),"
          " reserved_end INTEGER NOT NULL);");
}

// Version 1 to 2: timestamps of handshakes (TAI64N, 12 octets), for built-in points.
void add_timestamps(const Database& database) {
  execute(database,
          "ALTER TABLE source ADD COLUMN last_timestamp BLOB;"
          "CREATE TABLE mark (source TEXT NOT NULL, public_key BLOB NOT NULL,"
          " timestamp BLOB NOT NULL, PRIMARY KEY (source, public_key)) WITHOUT ROWID;");
}

// Version 2 to 3: a timestamp outlives its peer's row; when that was forgotten, in Unix seconds.
void keep_marks_of_removed(const Database& database) {
  execute(database,
          "ALTER TABLE mark ADD COLUMN removed INTEGER;"
          "CREATE INDEX removed_mark ON mark (removed) WHERE removed IS NOT NULL;");
}

// Version 3 to 4: sessions that built-in points pass on, and which own address a peer speaks to.
void add_routes(const Database& database) {
  execute(database,
          // Of what the sender sends to the receiver: for each session its index (4 octets) and the
          // Unix second at which it ends (8), big-endian.
          "CREATE TABLE route (source TEXT NOT NULL, sender BLOB NOT NULL, receiver BLOB NOT NULL,"
          " sessions BLOB NOT NULL, PRIMARY KEY (source, sender, receiver)) WITHOUT ROWID;"
          "CREATE INDEX route_receiver ON route (source, receiver);"
          "CREATE TABLE own_address (source TEXT NOT NULL, public_key BLOB NOT NULL,"
          " address TEXT NOT NULL, PRIMARY KEY (source, public_key)) WITHOUT ROWID;");
}

// Version 4 to 5: names of peers that no file says, or not any more.
void add_names(const Database& database) {
  execute(database,
          "CREATE TABLE name (public_key BLOB PRIMARY KEY, name TEXT NOT NULL,"
          // 1: `peer rename` gave it, 0: a comment did.
          " given INTEGER NOT NULL) WITHOUT ROWID;");
}

constexpr std::array<MigrationStep, 5> steps = {make_tables, add_timestamps, keep_marks_of_removed,
                                                add_routes, add_names};

SqliteError explain(const std::string& backup, int code, const std::string& reason) {
  return {code, fmt::format("its backup {} cannot be written: {}", backup, reason)};
}

/// SQLite makes the copy, through the connection that holds the file's lock. A plain copy of the
/// file would lack what is only in the write-ahead log of a daemon that was killed. Damaged pages
/// are copied as they are; VACUUM INTO would stop at them.
void back_up(const Database& database, const std::string& path) {
  if (const auto made = make_empty_file(path); !made)
    throw explain(path, SQLITE_CANTOPEN, made.error());
  try {
    copy_database(database, open_database(path));
  } catch (const SqliteError& error) {
    (void)::unlink(path.c_str());  // half a copy is of no use
    if (error.is_damage()) throw;  // the damage is in the file itself
    throw explain(path, error.code, error.message);
  }
}

}  // namespace

std::span<const MigrationStep> migration_steps() {
  return steps;
}

std::size_t read_version(const Database& database) {
  Statement row(database, "PRAGMA user_version");
  const std::int64_t version = row.step() ? row.number(0) : 0;
  return static_cast<std::size_t>(std::max<std::int64_t>(version, 0));
}

void migrate(const Database& database, const std::string& path,
             std::span<const MigrationStep> steps_of_program) {
  std::size_t version = read_version(database);
  if (version >= steps_of_program.size()) return;
  if (version > 0) back_up(database, fmt::format("{}.{}", path, version));
  for (; version < steps_of_program.size(); ++version) {
    Transaction transaction(database);
    steps_of_program[version](database);
    execute(database, fmt::format("PRAGMA user_version = {}", version + 1));
    transaction.commit();
  }
}

}  // namespace dnsd
