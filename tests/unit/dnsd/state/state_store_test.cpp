#include "dnsd/state/state_store.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/dnsd/state/faulty_disk.hpp"
#include "tests/unit/dnsd/state/state_fixture.hpp"

namespace {

using dnsd::Folder;
using dnsd::SavedPeer;
using dnsd::StateStore;
using std::chrono::seconds;

base::WallTime wall(int second) {
  return base::WallTime(seconds(second));
}
wg::PublicKey key_of(std::uint32_t number) {
  base::Octets32 octets{};
  for (std::size_t i = 0; i < 4; ++i) octets[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return wg::PublicKey(octets);
}

const SavedPeer alice{
    key_of(1),
    SavedPeer::Sighting{*base::Endpoint::parse("203.0.113.1:1"), wall(10), wall(20)},
    {*base::Prefix::parse("10.0.0.0/24"), *base::Prefix::parse("fd00::/64")}};
const SavedPeer bob{
    key_of(2),
    SavedPeer::Sighting{*base::Endpoint::parse("[2001:db8::2]:2"), wall(30), wall(40)},
    {}};
const SavedPeer carol{key_of(3), std::nullopt, {}};

StateStore::Batch batch_of(const std::vector<SavedPeer>& peers) {
  StateStore::Batch batch;
  batch.sources.push_back({"interface:wg0", key_of(9)});
  for (const SavedPeer& peer : peers) batch.peers.push_back({"interface:wg0", peer.key, peer});
  batch.serial_end = 4294967295U;
  return batch;
}

std::vector<SavedPeer> load(StateStore& store, const std::string& source = "interface:wg0") {
  std::vector<SavedPeer> peers;
  store.load_peers(source, [&](const SavedPeer& peer) { peers.push_back(peer); });
  return peers;
}

}  // namespace

TEST_CASE("what is written is there after a restart") {
  const Folder folder;
  {
    StateStore store(folder.path() + "/made/below");
    CHECK(store.is_durable());
    CHECK(store.problem().empty());
    CHECK_FALSE(store.load_serial_end().has_value());
    CHECK(store.load_sources().empty());
    CHECK(store.write(batch_of({alice, bob, carol})).has_value());
  }
  StateStore store(folder.path() + "/made/below");
  CHECK(store.load_serial_end() == 4294967295U);
  const auto sources = store.load_sources();
  REQUIRE(sources.size() == 1);
  CHECK(sources[0].name == "interface:wg0");
  CHECK(sources[0].own_key == key_of(9));
  CHECK(load(store) == std::vector{alice, bob, carol});
  CHECK(load(store, "interface:wg1").empty());
}

TEST_CASE("rows are replaced and forgotten, sources with all their peers") {
  const Folder folder;
  StateStore store(folder.path());
  REQUIRE(store.write(batch_of({alice, bob})).has_value());
  StateStore::Batch batch;
  SavedPeer moved = alice;
  moved.sighting->endpoint = *base::Endpoint::parse("203.0.113.7:7");
  batch.peers.push_back({"interface:wg0", alice.key, moved});
  batch.peers.push_back({"interface:wg0", bob.key, std::nullopt});
  batch.peers.push_back({"interface:wg0", carol.key, std::nullopt});
  batch.sources.push_back({"interface:wg0", std::nullopt});
  REQUIRE(store.write(batch).has_value());
  CHECK(load(store) == std::vector{moved});
  CHECK_FALSE(store.load_sources()[0].own_key.has_value());
  CHECK(store.load_serial_end() == 4294967295U);

  batch = {};
  batch.forgotten_sources.push_back("interface:wg0");
  REQUIRE(store.write(batch).has_value());
  CHECK(load(store).empty());
  CHECK(store.load_sources().empty());
}

TEST_CASE("a folder that cannot be written: in memory, told once, nothing fails") {
  const Folder folder;
  const auto check_memory = [](StateStore store) {
    CHECK_FALSE(store.is_durable());
    CAPTURE(store.problem());
    CHECK(store.problem().find("in memory only") != std::string::npos);
    CHECK_FALSE(store.write(batch_of({alice})).has_value());
    CHECK_FALSE(store.open_again());
    CHECK(load(store).empty());
    CHECK_FALSE(store.load_serial_end().has_value());
    CHECK(store.load_sources().empty());
  };
  SUBCASE("its place is a file") {
    std::ofstream(folder.file("file")) << "x";
    check_memory(StateStore(folder.file("file")));
  }
  SUBCASE("the kernel makes no folders there") {
    check_memory(StateStore("/proc/wg-dnsd"));
  }
  SUBCASE("state.db is a folder") {
    std::filesystem::create_directory(folder.file());
    check_memory(StateStore(folder.path()));
  }
  SUBCASE("state.db is a link") {
    std::ofstream(folder.file("victim")) << "";
    std::filesystem::create_symlink(folder.file("victim"), folder.file());
    check_memory(StateStore(folder.path()));
    CHECK(std::filesystem::file_size(folder.file("victim")) == 0);
  }
  SUBCASE("state.db is a link that leads nowhere") {
    std::filesystem::create_symlink(folder.file("victim"), folder.file());
    check_memory(StateStore(folder.path()));
    CHECK_FALSE(std::filesystem::exists(folder.file("victim")));
  }
  SUBCASE("what belongs to state.db is a link, or a FIFO that would be waited for") {
    for (const char* name : {"state.db", "state.db-wal", "state.db-shm", "state.db-journal"}) {
      CAPTURE(name);
      REQUIRE(::mkfifo(folder.file(name).c_str(), 0600) == 0);
      check_memory(StateStore(folder.path()));
      std::filesystem::remove(folder.file(name));
      std::filesystem::create_symlink(folder.file("victim"), folder.file(name));
      check_memory(StateStore(folder.path()));
      CHECK_FALSE(std::filesystem::exists(folder.file("victim")));
      std::filesystem::remove(folder.file(name));
    }
  }
  SUBCASE("read only") {
    if (::geteuid() == 0) return;  // root can write to everything
    ::chmod(folder.path().c_str(), 0500);
    check_memory(StateStore(folder.path()));
  }
  SUBCASE("another daemon has it") {
    StateStore first(folder.path());
    REQUIRE(first.write(batch_of({alice})).has_value());
    check_memory(StateStore(folder.path()));
    CHECK(load(first) == std::vector{alice});
  }
}

TEST_CASE("a file that is damaged is put aside, and a new one begun") {
  const struct {
    std::string name;
    std::string content;
  } rows[] = {
      {"no database", "this is not a database, but it is long enough to look like one to sqlite.."},
      {"random octets", std::string(8192, '\xa5')},
      {"only the magic", std::string("SQLite format 3\0", 16) + std::string(4080, '\xff')},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const Folder folder;
    folder.write(row.content);
    StateStore store(folder.path());
    CHECK(store.is_durable());
    CAPTURE(store.problem());
    CHECK(store.problem().find("state.db.damaged") != std::string::npos);
    CHECK(std::filesystem::exists(folder.file("state.db.damaged")));
    CHECK(store.write(batch_of({alice})).has_value());
    CHECK(load(store) == std::vector{alice});
  }
}

TEST_CASE("an empty file is a lost state, and said to be one") {
  const Folder folder;
  folder.write("");
  StateStore store(folder.path());
  CHECK(store.is_durable());
  CAPTURE(store.problem());
  CHECK(store.problem().find("it is empty, so what it held is lost") != std::string::npos);
  CHECK(store.problem().find("a new one is begun") != std::string::npos);
  CHECK(std::filesystem::exists(folder.file("state.db.damaged")));
  CHECK_FALSE(store.load_serial_end().has_value());
}

TEST_CASE("a file that could not be begun is not taken for a lost one") {
  const Folder folder;
  bool is_full = true;
  const dnsd::FaultyDisk disk([&](int) { return is_full; });
  StateStore store(folder.path());
  CHECK_FALSE(store.is_durable());
  is_full = false;
  CHECK(store.open_again());
  CHECK(store.problem().empty());
  CHECK(store.write(batch_of({alice})).has_value());
}

TEST_CASE("the state is for its owner alone, whatever the umask is and what was there before") {
  const auto mode_of = [](const std::string& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777U;
  };
  for (const mode_t umask : {0U, 022U, 077U}) {
    CAPTURE(umask);
    const Folder folder;
    const mode_t before = ::umask(umask);
    const std::string made = folder.path() + "/made";
    StateStore store(made);
    const bool written = store.write(batch_of({alice})).has_value();
    ::umask(before);
    REQUIRE(written);
    CHECK(mode_of(made) == 0700);
    CHECK(mode_of(made + "/state.db") == 0600);
    CHECK(mode_of(made + "/state.db-wal") == 0600);
    CHECK(store.warnings().empty());
  }
  const Folder folder;
  { REQUIRE(StateStore(folder.path()).write(batch_of({alice})).has_value()); }
  std::ofstream(folder.file("observe-0.0.0.0-51820.key")) << "x";
  ::chmod(folder.path().c_str(), 0777);
  ::chmod(folder.file().c_str(), 0666);
  {
    StateStore store(folder.path());
    CHECK(load(store) == std::vector{alice});
    CHECK(mode_of(folder.path()) == 0700);
    CHECK(mode_of(folder.file()) == 0600);
    CHECK(store.warnings().empty());
  }
  // Like /tmp: it serves something else as well, so its mode stays.
  std::ofstream(folder.file("something.else")) << "x";
  ::chmod(folder.path().c_str(), 01777);
  ::chmod(folder.file().c_str(), 0666);
  const StateStore store(folder.path());
  CHECK(mode_of(folder.path()) == 01777);
  CHECK(mode_of(folder.file()) == 0600);
  REQUIRE(store.warnings().size() == 1);
  CHECK(store.warnings()[0].find("others can write to this folder") != std::string::npos);
}

TEST_CASE(
    "a new file begins with the serial that the store knows, whatever became of the old one") {
  const Folder folder;
  StateStore store(folder.path());
  StateStore::Batch batch;
  batch.serial_end = 5000;
  REQUIRE(store.write(batch).has_value());
  std::filesystem::remove(folder.file());
  const auto lost = store.write(batch_of({alice}));
  REQUIRE_FALSE(lost.has_value());
  CHECK(lost.error().started_afresh);
  CHECK(lost.error().message.find("was removed or replaced while it was in use") !=
        std::string::npos);
  CHECK(load(store).empty());
  CHECK(store.load_serial_end() == 5000);
  StateStore::Batch next;
  next.serial_end = 6000;
  REQUIRE(store.write(next).has_value());
  // The folder as well; and what cannot be made is tried again.
  std::filesystem::remove_all(folder.path());
  std::ofstream(folder.path()) << "a file";
  CHECK_FALSE(store.write(next).has_value());
  CHECK_FALSE(store.is_durable());
  std::filesystem::remove(folder.path());
  REQUIRE(store.open_again());
  CHECK(store.load_serial_end() == 6000);
}

TEST_CASE("a file of a later version is kept beside, and not touched") {
  const Folder folder;
  { REQUIRE(StateStore(folder.path()).write(batch_of({alice})).has_value()); }
  dnsd::run_sql(folder.file(), "PRAGMA user_version = 7");
  {
    StateStore store(folder.path());
    CHECK(store.is_durable());
    CHECK(store.problem().find("version 7") != std::string::npos);
    CHECK(load(store).empty());
  }
  std::filesystem::rename(folder.file("state.db.version-7"), folder.file());
  dnsd::run_sql(folder.file(), "PRAGMA user_version = 5");
  StateStore store(folder.path());
  CHECK(load(store) == std::vector{alice});
}

TEST_CASE("a file of version 1 is brought up to this one, with what it holds") {
  const Folder folder;
  { REQUIRE(StateStore(folder.path()).write(batch_of({alice, bob})).has_value()); }
  dnsd::run_sql(folder.file(),
                "ALTER TABLE source DROP COLUMN last_timestamp; DROP TABLE mark; DROP TABLE route; "
                "DROP TABLE own_address; DROP TABLE name; PRAGMA user_version = 1");
  StateStore store(folder.path());
  CHECK(store.problem().empty());
  CHECK(load(store) == std::vector{alice, bob});
  StateStore::Batch batch;
  batch.marks.push_back({"interface:wg0", alice.key, noise::Tai64n(wall(1))});
  CHECK(store.write(batch).has_value());
  CHECK(store.load_marks("interface:wg0").size() == 1);
  CHECK(std::filesystem::exists(folder.file("state.db.1")));
}

TEST_CASE("without room for the copy of an earlier version: in memory, and the file is as it was") {
  const Folder folder;
  { REQUIRE(StateStore(folder.path()).write(batch_of({alice, bob})).has_value()); }
  dnsd::run_sql(folder.file(),
                "ALTER TABLE source DROP COLUMN last_timestamp; DROP TABLE mark; DROP TABLE route; "
                "DROP TABLE own_address; DROP TABLE name; PRAGMA user_version = 1");
  std::filesystem::create_directory(folder.file("state.db.1"));
  {
    const StateStore store(folder.path());
    CHECK_FALSE(store.is_durable());
    CHECK(store.problem() == folder.file() + ": its backup " + folder.file("state.db.1") +
                                 " cannot be written: File exists: endpoints and the serial are "
                                 "kept in memory only, and it is tried again");
  }
  std::filesystem::remove(folder.file("state.db.1"));
  StateStore store(folder.path());
  CHECK(store.problem().empty());
  CHECK(load(store) == std::vector{alice, bob});
}

TEST_CASE("damage in the middle is found while reading or writing, and survived") {
  // Overwrites every page from each page behind the first to the end: every peer that can still be
  // read is whole.
  const Folder folder;
  std::vector<SavedPeer> many;
  for (std::uint32_t i = 0; i < 2000; ++i) many.push_back({key_of(i), bob.sighting, {}});
  { REQUIRE(StateStore(folder.path()).write(batch_of(many)).has_value()); }
  std::string whole;
  {
    std::ifstream file(folder.file(), std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(file), {});
  }
  REQUIRE(whole.size() > 5 * 4096);
  for (std::size_t offset = 4096; offset < whole.size(); offset += 4096) {
    CAPTURE(offset);
    std::filesystem::remove(folder.file("state.db-wal"));
    std::string damaged = whole;
    damaged.replace(offset, 4096, std::string(4096, '\xff'));
    folder.write(damaged);
    StateStore store(folder.path());
    (void)store.load_sources();
    (void)store.load_serial_end();
    for (const SavedPeer& peer : load(store)) CHECK(peer.sighting == bob.sighting);
    const auto written = store.write(batch_of({alice}));
    if (!written) CHECK(written.error().started_afresh);
    CHECK(store.write(batch_of({alice})).has_value());
    CHECK(store.is_durable());
  }
}

TEST_CASE("a file cut short at any page is survived") {
  const Folder folder;
  { REQUIRE(StateStore(folder.path()).write(batch_of({alice, bob})).has_value()); }
  const auto size = std::filesystem::file_size(folder.file());
  for (std::uintmax_t cut = 1; cut < size; cut += 1024) {
    CAPTURE(cut);
    const Folder copy;
    std::filesystem::copy_file(folder.file(), copy.file());
    std::filesystem::resize_file(copy.file(), cut);
    StateStore store(copy.path());
    (void)load(store);
    (void)store.write(batch_of({alice}));
    CHECK(store.write(batch_of({alice})).has_value());
    CHECK(load(store).front() == alice);
  }
}

TEST_CASE("rows that make no sense are left out") {
  const Folder folder;
  { REQUIRE(StateStore(folder.path()).write(batch_of({alice})).has_value()); }
  dnsd::run_sql(
      folder.file(),
      "INSERT INTO peer VALUES ('interface:wg0', x'00', '1.2.3.4:5', 1, 1, '');"
      "INSERT INTO peer VALUES ('interface:wg0', zeroblob(32), 'somewhere', 1, 1, '');"
      "INSERT INTO peer VALUES ('interface:wg0', randomblob(32), '1.2.3.4:5', -1, 1, '');"
      "INSERT INTO peer VALUES ('interface:wg0', randomblob(32), '1.2.3.4:5', 1,"
      " 9223372036854775807, '');"
      "INSERT INTO peer VALUES ('interface:wg0', randomblob(32), '1.2.3.4:5', 1, 1, '10/8,,');"
      "INSERT INTO peer VALUES ('interface:wg0', randomblob(33), NULL, NULL, NULL, '');");
  StateStore store(folder.path());
  CHECK(load(store) == std::vector{alice});
}

TEST_CASE("what was written is kept when the process is killed between writes") {
  const Folder folder;
  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    StateStore store(folder.path());
    const bool written = store.write(batch_of({alice})).has_value();
    const char answer = written ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) std::_Exit(1);
    for (std::uint32_t i = 100;; ++i) (void)store.write(batch_of({{key_of(i), bob.sighting, {}}}));
  }
  char answer = 'n';
  REQUIRE(::read(ready[0], &answer, 1) == 1);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK(answer == 'y');
  StateStore store(folder.path());
  CHECK(store.problem().empty());
  CHECK(load(store).front() == alice);
  CHECK(store.load_serial_end() == 4294967295U);
}

TEST_CASE("names are kept by key until they are forgotten; what is none is left out") {
  const Folder folder;
  {
    StateStore store(folder.path());
    StateStore::Batch batch;
    batch.names = {{key_of(1), dnsd::KnownName{"alice"}},
                   {key_of(2), dnsd::KnownName{"bob", true}},
                   {key_of(3), dnsd::KnownName{"carol"}}};
    REQUIRE(store.write(batch).has_value());
    batch.names = {{key_of(3), std::nullopt}, {key_of(2), dnsd::KnownName{"robert", true}}};
    REQUIRE(store.write(batch).has_value());
  }
  dnsd::run_sql(folder.file(), "INSERT INTO name VALUES (zeroblob(32), 'no label', 0)");
  dnsd::run_sql(folder.file(), "INSERT INTO name VALUES (x'01', 'dave', 0)");
  StateStore store(folder.path());
  CHECK(store.load_names() == dnsd::PeerNames{{key_of(1), dnsd::KnownName{"alice"}},
                                              {key_of(2), dnsd::KnownName{"robert", true}}});
}
