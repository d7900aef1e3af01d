#include "dnsd/state/migrations.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/dnsd/state/state_fixture.hpp"

namespace {

using dnsd::Database;
using dnsd::Folder;
using dnsd::MigrationStep;
using dnsd::SqliteError;
using dnsd::Statement;

/// A file after the first `count` steps of this program.
Database make_file(const std::string& path, std::size_t count) {
  Database database = dnsd::open_database(path);
  dnsd::migrate(database, path, dnsd::migration_steps().first(count));
  return database;
}

/// The first column of the first row; -1: there is no row.
std::int64_t number(const Database& database, const char* sql) {
  Statement row(database, sql);
  return row.step() ? row.number(0) : -1;
}

std::int64_t number(const std::string& path, const char* sql) {
  return number(dnsd::open_database(path), sql);
}

// A program of two versions, and a third version for later.

void make_fruit(const Database& database) {
  dnsd::execute(database, "CREATE TABLE fruit (name TEXT PRIMARY KEY)");
}
void add_colour(const Database& database) {
  dnsd::execute(database, "ALTER TABLE fruit ADD COLUMN colour TEXT");
  dnsd::execute(database, "UPDATE fruit SET colour = 'green'");
}
void fail_halfway(const Database& database) {
  dnsd::execute(database, "DELETE FROM fruit");
  dnsd::execute(database, "ALTER TABLE nothing ADD COLUMN colour TEXT");
}

constexpr std::array<MigrationStep, 1> first = {make_fruit};
constexpr std::array<MigrationStep, 2> second = {make_fruit, add_colour};
constexpr std::array<MigrationStep, 3> third = {make_fruit, add_colour, fail_halfway};

}  // namespace

// The steps of this program, one test each

TEST_CASE("version 0 to 1: sources, their peers and the serial") {
  const Folder folder;
  const Database database = make_file(folder.file(), 1);
  CHECK(dnsd::read_version(database) == 1);
  dnsd::execute(
      database,
      "INSERT INTO source VALUES ('interface:wg0', zeroblob(32));"
      "INSERT INTO peer VALUES ('interface:wg0', zeroblob(32), '203.0.113.1:1', 1, 2, '');"
      "INSERT INTO peer VALUES ('interface:wg0', x'01', NULL, NULL, NULL, '10.0.0.0/24');"
      "INSERT INTO serial VALUES (1, 4294967295)");
  CHECK(number(database, "SELECT count(*) FROM peer") == 2);
  // There is exactly one serial.
  CHECK_THROWS_AS(dnsd::execute(database, "INSERT INTO serial VALUES (2, 7)"), SqliteError);
}

TEST_CASE("version 1 to 2: timestamps of handshakes") {
  const Folder folder;
  {
    const Database database = make_file(folder.file(), 1);
    dnsd::execute(database,
                  "INSERT INTO source VALUES ('interface:wg0', x'0102');"
                  "INSERT INTO peer VALUES ('interface:wg0', x'03', '203.0.113.1:1', 1, 2, '');"
                  "INSERT INTO serial VALUES (1, 4294967295)");
  }
  const Database database = make_file(folder.file(), 2);
  CHECK(dnsd::read_version(database) == 2);
  CHECK(number(database, "SELECT own_key = x'0102' AND last_timestamp IS NULL FROM source") == 1);
  CHECK(number(database, "SELECT last_seen FROM peer WHERE public_key = x'03'") == 2);
  CHECK(number(database, "SELECT reserved_end FROM serial") == 4294967295);
  dnsd::execute(database, "INSERT INTO mark VALUES ('interface:wg0', x'03', zeroblob(12))");
  CHECK(number(database, "SELECT count(*) FROM mark") == 1);
}

TEST_CASE("version 2 to 3: timestamps outlive their peers") {
  const Folder folder;
  {
    const Database database = make_file(folder.file(), 2);
    dnsd::execute(database, "INSERT INTO mark VALUES ('point:1', x'03', x'04')");
  }
  const Database database = make_file(folder.file(), 3);
  CHECK(dnsd::read_version(database) == 3);
  CHECK(number(database, "SELECT timestamp = x'04' AND removed IS NULL FROM mark") == 1);
  dnsd::execute(database, "INSERT INTO mark VALUES ('point:1', x'05', x'04', 1800000000)");
  CHECK(number(database, "SELECT count(*) FROM mark") == 2);
}

TEST_CASE("version 3 to 4: sessions that are passed on") {
  const Folder folder;
  {
    const Database database = make_file(folder.file(), 3);
    dnsd::execute(database,
                  "INSERT INTO mark VALUES ('point:1', x'05', x'04', 1800000000);"
                  "INSERT INTO peer VALUES ('point:1', x'05', '203.0.113.1:1', 1, 2, '')");
  }
  const Database database = make_file(folder.file(), 4);
  CHECK(dnsd::read_version(database) == 4);
  CHECK(number(database, "SELECT removed FROM mark") == 1800000000);
  CHECK(number(database, "SELECT last_seen FROM peer") == 2);
  dnsd::execute(database,
                "INSERT INTO route VALUES ('point:1', x'05', x'06', x'00');"
                "INSERT INTO route VALUES ('point:1', x'06', x'05', x'00');"
                "INSERT INTO own_address VALUES ('point:1', x'05', '203.0.113.10')");
  CHECK(number(database, "SELECT count(*) FROM route") == 2);
  // One row of each sender and receiver.
  CHECK_THROWS_AS(
      dnsd::execute(database, "INSERT INTO route VALUES ('point:1', x'06', x'05', x'01')"),
      SqliteError);
}

TEST_CASE("version 4 to 5: names of peers") {
  const Folder folder;
  {
    const Database database = make_file(folder.file(), 4);
    dnsd::execute(database, "INSERT INTO own_address VALUES ('point:1', x'05', '203.0.113.10')");
  }
  const Database database = make_file(folder.file(), 5);
  CHECK(dnsd::read_version(database) == 5);
  CHECK(number(database, "SELECT count(*) FROM own_address") == 1);
  dnsd::execute(database, "INSERT INTO name VALUES (x'05', 'alice', 0)");
  CHECK(number(database, "SELECT given FROM name WHERE name = 'alice'") == 0);
  // A peer has one name.
  CHECK_THROWS_AS(dnsd::execute(database, "INSERT INTO name VALUES (x'05', 'anna', 1)"),
                  SqliteError);
}

// How steps are taken

TEST_CASE("a new file takes all steps, and there is nothing to copy") {
  const Folder folder;
  const Database database = dnsd::open_database(folder.file());
  CHECK(dnsd::read_version(database) == 0);
  dnsd::migrate(database, folder.file(), second);
  CHECK(dnsd::read_version(database) == 2);
  CHECK(number(database, "SELECT count(colour) FROM fruit") == 0);
  CHECK_FALSE(std::filesystem::exists(folder.file("state.db.0")));
  CHECK_FALSE(std::filesystem::exists(folder.file("state.db.1")));
}

TEST_CASE("a file that was in use is copied, for its owner alone, before it is changed") {
  const Folder folder;
  const ::mode_t before = ::umask(0);
  {
    // The change is not in the file itself yet: only in the write-ahead log.
    const Database database = dnsd::open_database(folder.file());
    dnsd::execute(database, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    dnsd::migrate(database, folder.file(), first);
    dnsd::execute(database, "INSERT INTO fruit VALUES ('pear')");
    CHECK(std::filesystem::file_size(folder.file()) <= 4096);
    dnsd::migrate(database, folder.file(), second);
    CHECK(number(database, "SELECT count(*) FROM fruit WHERE colour = 'green'") == 1);
  }
  ::umask(before);
  struct stat status {};
  REQUIRE(::stat(folder.file("state.db.1").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK_FALSE(std::filesystem::exists(folder.file("state.db.2")));
  // The copy is a file as the previous version of the program left it.
  const Database copy = dnsd::open_database(folder.file("state.db.1"));
  CHECK(dnsd::read_version(copy) == 1);
  CHECK(number(copy, "SELECT count(*) FROM fruit WHERE name = 'pear'") == 1);
  CHECK_THROWS_AS(dnsd::execute(copy, "SELECT colour FROM fruit"), SqliteError);
}

TEST_CASE("a later copy of the same version takes the place of an earlier one") {
  const Folder folder;
  std::ofstream(folder.file("state.db.1")) << "an older copy";
  const Database database = dnsd::open_database(folder.file());
  dnsd::migrate(database, folder.file(), first);
  dnsd::migrate(database, folder.file(), second);
  CHECK(number(folder.file("state.db.1"), "SELECT count(*) FROM fruit") == 0);
}

TEST_CASE("a page that is damaged is copied as it is, and holds up no step that does not read it") {
  const Folder folder;
  {
    const Database database = make_file(folder.file(), 1);
    Statement save(database, "INSERT INTO peer VALUES ('wg0', randomblob(32), NULL, 1, 1, '')");
    dnsd::Transaction rows(database);
    for (int i = 0; i < 500; ++i) save.run();
    rows.commit();
  }
  const auto size = std::filesystem::file_size(folder.file());
  {
    std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size - 4096));
    file << std::string(4096, '\xff');
  }
  const Database database = make_file(folder.file(), 2);
  CHECK(dnsd::read_version(database) == 2);
  CHECK_THROWS_AS((void)number(database, "SELECT sum(since) FROM peer"), SqliteError);
  CHECK(std::filesystem::file_size(folder.file("state.db.1")) == size);
}

TEST_CASE("a file that lacks no step, or is newer, is not touched") {
  const Folder folder;
  const Database database = dnsd::open_database(folder.file());
  dnsd::migrate(database, folder.file(), second);
  dnsd::execute(database, "INSERT INTO fruit VALUES ('apple', 'red')");
  dnsd::migrate(database, folder.file(), second);
  dnsd::migrate(database, folder.file(), first);
  CHECK(dnsd::read_version(database) == 2);
  CHECK(number(database, "SELECT count(*) FROM fruit WHERE colour = 'red'") == 1);
  CHECK_FALSE(std::filesystem::exists(folder.file("state.db.2")));
  CHECK_FALSE(std::filesystem::exists(folder.file("state.db.1")));
}

TEST_CASE("a step that fails leaves the file at the version before it") {
  const Folder folder;
  const Database database = dnsd::open_database(folder.file());
  dnsd::migrate(database, folder.file(), first);
  dnsd::execute(database, "INSERT INTO fruit VALUES ('pear')");
  CHECK_THROWS_AS(dnsd::migrate(database, folder.file(), third), SqliteError);
  CHECK(dnsd::read_version(database) == 2);
  CHECK(number(database, "SELECT count(*) FROM fruit WHERE colour = 'green'") == 1);
  CHECK(std::filesystem::exists(folder.file("state.db.1")));
  // The next attempt begins where this one ended.
  CHECK_THROWS_AS(dnsd::migrate(database, folder.file(), third), SqliteError);
  CHECK(dnsd::read_version(database) == 2);
  CHECK(std::filesystem::exists(folder.file("state.db.2")));
}

TEST_CASE("without the copy no step is taken, and the error names it") {
  const Folder folder;
  std::filesystem::create_directory(folder.file("state.db.1"));
  const Database database = dnsd::open_database(folder.file());
  dnsd::migrate(database, folder.file(), first);
  std::string message;
  try {
    dnsd::migrate(database, folder.file(), second);
  } catch (const SqliteError& error) {
    message = error.message;
    CHECK_FALSE(error.is_damage());
  }
  CHECK(message == "its backup " + folder.file("state.db.1") + " cannot be written: File exists");
  CHECK(dnsd::read_version(database) == 1);
}

TEST_CASE("a version that is no number of steps counts as none") {
  const Folder folder;
  dnsd::run_sql(folder.file(), "PRAGMA user_version = -5");
  CHECK(dnsd::read_version(dnsd::open_database(folder.file())) == 0);
}
