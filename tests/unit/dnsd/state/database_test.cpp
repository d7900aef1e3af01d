#include "dnsd/state/database.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <array>
#include <string>
#include <vector>

#include "tests/unit/dnsd/state/state_fixture.hpp"

namespace {

using dnsd::Database;
using dnsd::Folder;
using dnsd::SqliteError;
using dnsd::Statement;
using dnsd::Transaction;

std::int64_t count(const Database& database) {
  Statement row(database, "SELECT count(*) FROM t");
  REQUIRE(row.step());
  return row.number(0);
}

TEST_CASE("what is bound is read, NULL too, and a statement runs again") {
  const Database database = dnsd::open_database(":memory:");
  dnsd::execute(database, "CREATE TABLE t (a, b, c)");
  const std::array<std::uint8_t, 3> octets = {0, 1, 0xff};
  Statement save(database, "INSERT INTO t VALUES (?, ?, ?)");
  save.bind(std::string("text")).bind(std::int64_t{-7}).bind(octets).run();
  save.bind(std::string()).bind_null().bind_null().run();
  Statement row(database, "SELECT a, b, c FROM t ORDER BY rowid");
  REQUIRE(row.step());
  CHECK(row.text(0) == "text");
  CHECK(row.number(1) == -7);
  const base::Bytes blob = row.blob(2);
  CHECK(std::vector(blob.begin(), blob.end()) == std::vector<std::uint8_t>{0, 1, 0xff});
  REQUIRE(row.step());
  CHECK(row.text(0).empty());
  CHECK(row.is_null(1));
  CHECK(row.number(1) == 0);
  CHECK(row.blob(2).empty());
  CHECK_FALSE(row.step());
}

TEST_CASE("a transaction counts whole when it is committed, and not at all otherwise") {
  const Database database = dnsd::open_database(":memory:");
  dnsd::execute(database, "CREATE TABLE t (a)");
  {
    const Transaction undone(database);
    dnsd::execute(database, "INSERT INTO t VALUES (1)");
  }
  CHECK(count(database) == 0);
  {
    Transaction kept(database);
    dnsd::execute(database, "INSERT INTO t VALUES (1)");
    kept.commit();
  }
  CHECK(count(database) == 1);
}

TEST_CASE("errors are thrown with SQLite's words, and damage is told from the rest") {
  const Folder folder;
  const auto error_of = [](const auto& call) {
    try {
      call();
    } catch (const SqliteError& error) {
      return error;
    }
    return SqliteError{SQLITE_OK, "no error"};
  };
  const Database database = dnsd::open_database(":memory:");
  const SqliteError wrong = error_of([&] { dnsd::execute(database, "SELECT x FROM nowhere"); });
  CHECK(wrong.code == SQLITE_ERROR);
  CHECK(wrong.message == "no such table: nowhere");
  CHECK_FALSE(wrong.is_damage());
  CHECK(error_of([&] { Statement(database, "SELEKT"); }).code == SQLITE_ERROR);
  CHECK(error_of([&] { (void)dnsd::open_database(folder.path()); }).code == SQLITE_CANTOPEN);
  folder.write(std::string(8192, '\xa5'));
  const Database damaged = dnsd::open_database(folder.file());
  CHECK(error_of([&] { dnsd::execute(damaged, "SELECT 1 FROM sqlite_schema"); }).is_damage());
}

TEST_CASE("a copy is a database of its own, and a lock in the way is an error") {
  const Folder folder;
  const Database from = dnsd::open_database(folder.file());
  dnsd::execute(from, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  {
    const Database to = dnsd::open_database(folder.file("copy"));
    dnsd::copy_database(from, to);
    dnsd::execute(from, "DELETE FROM t");
    CHECK(count(to) == 1);
  }
  const Database to = dnsd::open_database(folder.file("copy"));
  CHECK(count(to) == 1);
  dnsd::execute(to, "PRAGMA locking_mode = EXCLUSIVE; INSERT INTO t VALUES (2)");
  CHECK_THROWS_AS(dnsd::copy_database(from, dnsd::open_database(folder.file("copy"))), SqliteError);
}

}  // namespace
