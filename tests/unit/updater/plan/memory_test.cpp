#include "updater/plan/memory.hpp"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>

#include <doctest/doctest.h>

#include "tests/unit/log_text.hpp"
#include "tests/unit/updater/samples.hpp"
#include "updater/host/memory_file.hpp"

namespace {

using namespace samples;
using updater::Keepalive;
using updater::Memory;
using updater::MemoryFile;

/// A folder for this test, removed at its end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "wg-memory-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::filesystem::path file() const { return path_ / "state" / "wg0.json"; }

 private:
  std::filesystem::path path_;
};

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Memory sample() {
  Memory memory;
  memory[key(1)].keepalive = Keepalive(0s, {0s, 25s});
  memory[key(1)].last_good = endpoint("203.0.113.10:51820");
  memory[key(1)].name = "bob";
  memory[key(2)].last_good = endpoint("[2001:db8::1]:1");
  memory[key(2)].mesh = updater::PeerMemory::Mesh::removed;
  memory[key(3)].mesh = updater::PeerMemory::Mesh::added;
  memory[key(3)].mesh_device = 7;
  memory[key(3)].routes = {prefix("10.77.0.3/32"), prefix("fd77::3/128")};
  memory[key(3)].lenders = {{prefix("10.77.0.3/32"), key(1)}};
  return memory;
}

}  // namespace

TEST_CASE("a keepalive is the user's unless it is one that we set") {
  Keepalive keepalive;
  keepalive.observe(17s);
  CHECK(keepalive.user() == 17s);

  keepalive.prepare(17s, 0s);
  keepalive.observe(0s);
  CHECK(keepalive.user() == 17s);
  keepalive.prepare(0s, 17s);
  keepalive.observe(17s);
  CHECK(keepalive.user() == 17s);

  keepalive.observe(30s);  // the user set another value meanwhile
  CHECK(keepalive.user() == 30s);
  CHECK(keepalive.ours().empty());
}

TEST_CASE("a crash on either side of a write leaves the user's keepalive known") {
  const struct {
    std::string what;
    std::chrono::seconds user;
    std::chrono::seconds before;  ///< the value on the device; ours if it was not the user's
    std::chrono::seconds written;
  } rows[] = {
      {"turned off", 17s, 17s, 0s},
      {"turned on again", 17s, 0s, 17s},
      {"ours where there was none", 0s, 0s, 25s},
      {"kicked", 25s, 25s, 25s},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    Keepalive keepalive;
    keepalive.observe(row.user);
    if (row.before != row.user) keepalive.prepare(row.user, row.before);
    keepalive.prepare(row.before, row.written);
    for (const auto shown : {row.before, row.written}) {
      CAPTURE(shown.count());
      Memory memory;
      memory[key(1)].keepalive = keepalive;
      auto restored = updater::parse_memory(updater::write_memory(memory, "boot"), "boot");
      REQUIRE(restored);
      Keepalive after = (*restored)[key(1)].keepalive;
      after.observe(shown);
      CHECK(after.user() == row.user);
    }
  }
}

TEST_CASE("a value that a saved file brings back is ours still, and no wish of the user's") {
  const struct {
    std::string what;
    std::chrono::seconds user;
    std::chrono::seconds ours;
    std::chrono::seconds shown;
    bool is_as_left;
    std::chrono::seconds expected;
  } rows[] = {
      {"the file was saved under us", 0s, 25s, 25s, true, 0s},
      {"it was saved while the user's was off", 17s, 0s, 0s, true, 17s},
      {"the file as the user wrote it", 0s, 25s, 0s, false, 0s},
      {"the user wrote our value into it", 0s, 25s, 25s, false, 25s},
      {"another value in a saved file", 0s, 25s, 30s, true, 30s},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    Keepalive keepalive;
    keepalive.observe(row.user);
    keepalive.prepare(row.user, row.ours);
    keepalive.release();
    Memory memory;
    memory[key(1)].keepalive = keepalive;
    auto restored = updater::parse_memory(updater::write_memory(memory, "boot"), "another boot");
    REQUIRE(restored);
    for (Keepalive after : {keepalive, (*restored)[key(1)].keepalive}) {
      after.meet(row.shown, row.is_as_left);
      CHECK(after.user() == row.expected);
      after.observe(row.shown);
      CHECK(after.user() == row.expected);
    }
  }
  Keepalive given_back(0s, {25s}, {25s});
  given_back.forget();
  given_back.meet(25s, true);
  CHECK(given_back.user() == 25s);
}

TEST_CASE("what is written is read again, and what was ours is past with the boot") {
  const std::string text = updater::write_memory(sample(), "boot-1");
  const auto same = updater::parse_memory(text, "boot-1");
  REQUIRE(same);
  CHECK(*same == sample());

  const auto other = updater::parse_memory(text, "boot-2");
  REQUIRE(other);
  CHECK(other->at(key(1)).keepalive == Keepalive(0s, {}, {0s, 25s}));
  CHECK(other->at(key(1)).last_good == endpoint("203.0.113.10:51820"));
  CHECK(other->at(key(3)) == updater::PeerMemory());
}

TEST_CASE("a peer of whom nothing is to be remembered takes no room") {
  Memory memory;
  memory[key(1)].keepalive = Keepalive(25s, {});
  CHECK(updater::write_memory(memory, "b") == updater::write_memory({}, "b"));
}

TEST_CASE("a memory that is cut short or wrong is refused, with the place") {
  const std::string text = updater::write_memory(sample(), "boot");
  const std::size_t end = text.find_last_of('}');
  for (std::size_t size = 0; size <= end; ++size) {
    CAPTURE(size);
    CHECK(!updater::parse_memory(std::string_view(text).substr(0, size), "boot"));
  }
  const std::string k = key(1).to_base64();
  const std::string head = R"({"version":1,"boot":"b","peers":{")" + k + "\":";
  const struct {
    std::string what;
    std::string json;
  } rows[] = {
      {"an array", "[]"},
      {"a number", "7"},
      {"no version", R"({"peers":{}})"},
      {"another version", R"({"version":2,"peers":{}})"},
      {"no peers", R"({"version":1})"},
      {"peers as a list", R"({"version":1,"peers":[]})"},
      {"a name that is no key", R"({"version":1,"peers":{"alice":{}}})"},
      {"a peer that is no object", head + "7}}"},
      {"a keepalive without ours", head + R"({"keepalive":{"user":1}}}})"},
      {"a keepalive above 65535", head + R"({"keepalive":{"user":65536,"ours":[]}}}})"},
      {"a negative keepalive", head + R"({"keepalive":{"user":-1,"ours":[]}}}})"},
      {"a keepalive as text", head + R"({"keepalive":{"user":"1","ours":[]}}}})"},
      {"ours as a number", head + R"({"keepalive":{"user":1,"ours":25}}}})"},
      {"a broken one of ours", head + R"({"keepalive":{"user":1,"ours":[2.5]}}}})"},
      {"a broken past", head + R"({"keepalive":{"user":1,"ours":[],"past":[-1]}}}})"},
      {"an endpoint without a port", head + R"({"last-good":"203.0.113.10"}}})"},
      {"an endpoint as a number", head + R"({"last-good":7}}})"},
      {"a route that is no prefix",
       head + R"({"mesh":{"state":"added","device":7,"routes":["10.0.0.3/33"]}}}})"},
      {"routes as a number", head + R"({"mesh":{"state":"added","device":7,"routes":3}}}})"},
      {"a lender that is no key",
       head + R"({"mesh":{"state":"added","device":7,"lenders":{"10.0.0.3/32":"x"}}}}})"},
      {"lenders as a list", head + R"({"mesh":{"state":"added","device":7,"lenders":[]}}}})"},
      {"text behind the end", updater::write_memory({}, "b") + "x"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(!updater::parse_memory(row.json, "b"));
  }
  CHECK(updater::parse_memory(head + "{}}}", "b"));
}

TEST_CASE("a saved memory is loaded again, in a folder that did not exist") {
  const Folder folder;
  MemoryFile(folder.file(), MemoryFile::Access::read_write).save(sample());
  CHECK(MemoryFile(folder.file(), MemoryFile::Access::read_write).load() == sample());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.file().parent_path()), {}) == 1);
}

TEST_CASE("no file is an empty memory, and reading makes none") {
  const Folder folder;
  CHECK(MemoryFile(folder.file(), MemoryFile::Access::read_write).load().empty());
  CHECK(!std::filesystem::exists(folder.file()));
}

TEST_CASE("a corrupt file is kept aside and does not stop the start") {
  const Folder folder;
  const LogText log;
  write_text(folder.file(), "{\"version\":1,");
  CHECK(MemoryFile(folder.file(), MemoryFile::Access::read_write).load().empty());
  CHECK(read_text(folder.file().string() + ".bad") == "{\"version\":1,");
  CHECK(log.text().find("kept as " + folder.file().string() + ".bad") != std::string::npos);
  CHECK(!std::filesystem::exists(folder.file()));
}

TEST_CASE("a dry run neither writes nor moves the file") {
  const Folder folder;
  const LogText log;
  write_text(folder.file(), "garbage");
  MemoryFile file(folder.file(), MemoryFile::Access::read_only);
  CHECK(file.load().empty());
  file.save(sample());
  CHECK(read_text(folder.file()) == "garbage");
  CHECK(log.text().find("starting without it") != std::string::npos);
  CHECK(log.text().find(".bad") == std::string::npos);
}

TEST_CASE("a peer that joined the mesh is forgotten with the device, one removed by hand is not") {
  using Mesh = updater::PeerMemory::Mesh;
  Memory memory;
  memory[key(1)].mesh = Mesh::adding;
  memory[key(2)].mesh = Mesh::added;
  memory[key(3)].mesh = Mesh::removed;
  for (auto& [peer, remembered] : memory) remembered.mesh_device = 7;
  const std::string text = updater::write_memory(memory, "boot");
  const auto same = updater::parse_memory(text, "boot");
  REQUIRE(same);
  CHECK(*same == memory);
  auto other = updater::parse_memory(text, "another");
  REQUIRE(other);
  CHECK((*other)[key(1)].mesh == Mesh::none);
  CHECK((*other)[key(2)].mesh == Mesh::none);
  CHECK((*other)[key(3)].mesh == Mesh::removed);
}
