#include "dnsd/control/added_peers.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "dnsd/settings/config_file.hpp"
#include "noise/crypto.hpp"

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "wg-dnsd-added-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file() const { return path_ + "/added-peers.conf"; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// With addresses that no other peer has.
dnsd::ConfiguredPeer peer_named(const std::string& name) {
  static int number = 0;
  ++number;
  dnsd::ConfiguredPeer peer;
  peer.public_key = noise::KeyPair::draw().public_key();
  peer.name = name;
  peer.name_origin = dnsd::NameOrigin::added;
  peer.allowed_ips = {*base::Prefix::parse(fmt::format("10.0.0.{}/32", number)),
                      *base::Prefix::parse(fmt::format("fd00::{}/128", number))};
  return peer;
}

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

dnsd::Config load(const Folder& folder, const std::string& more = {}) {
  dnsd::CommandLine line;
  line.words["zone"] = {"wg.example.org"};
  line.words["state-dir"] = {folder.path()};
  if (!more.empty()) line.words["peers-file"] = {more};
  return dnsd::read_config(line, contents);
}

TEST_CASE("added, loaded like any peer, removed") {
  const Folder folder;
  CHECK(load(folder).peers.empty());
  dnsd::ConfiguredPeer alice = peer_named("alice");
  alice.preshared_key.emplace();
  alice.preshared_key->span()[0] = 7;
  const dnsd::ConfiguredPeer bob = peer_named("");
  REQUIRE(dnsd::append_peer(folder.file(), alice).has_value());
  REQUIRE(dnsd::append_peer(folder.file(), bob).has_value());
  struct stat status {};
  REQUIRE(::stat(folder.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(load(folder).peers == std::vector{alice, bob});

  auto removed = dnsd::erase_peer(folder.file(), alice.public_key);
  REQUIRE(removed.has_value());
  CHECK(*removed);
  removed = dnsd::erase_peer(folder.file(), alice.public_key);
  REQUIRE(removed.has_value());
  CHECK_FALSE(*removed);
  CHECK(load(folder).peers == std::vector{bob});
}

TEST_CASE("what the operator wrote meanwhile counts, and the others stay as they were") {
  const Folder folder;
  const dnsd::ConfiguredPeer alice = peer_named("alice");
  const std::vector others = {peer_named("bob"), peer_named("carol"), peer_named("dave")};
  const dnsd::ConfiguredPeer erin = peer_named("erin");
  for (const auto& added : {alice, others[0], erin, others[1], others[2]})
    REQUIRE(dnsd::append_peer(folder.file(), added).has_value());
  const std::string file = folder.path() + "/peers.conf";
  std::ofstream(file) << "[Peer]\n# Name = anna\nPublicKey = " << alice.public_key.to_base64()
                      << "\n[Peer]\nPublicKey = " << erin.public_key.to_base64() << '\n';
  const dnsd::Config config = load(folder, file);
  REQUIRE(config.peers.size() == 5);
  CHECK(config.peers[0].name == "anna");
  CHECK(config.peers[1].name.empty());
  CHECK(std::vector(config.peers.begin() + 2, config.peers.end()) == others);
  REQUIRE(config.warnings.size() == 2);
  CHECK(config.warnings[0].starts_with(folder.file() + ":3: this peer is skipped: the config"));
  // The line number in a message is still that of its peer.
  std::ofstream(file, std::ios::app) << "# Name = carol\n";
  const dnsd::Config changed = load(folder, file);
  REQUIRE(changed.warnings.size() == 3);
  CHECK(changed.warnings[2].find("added-peers.conf:21: the name 'carol' is taken") !=
        std::string::npos);
}

TEST_CASE("a file that cannot be read or written is told by name, and stays") {
  const Folder folder;
  std::ofstream(folder.file()) << "nonsense\n";
  const auto appended = dnsd::append_peer(folder.file(), peer_named("alice"));
  REQUIRE_FALSE(appended.has_value());
  CHECK(appended.error().starts_with(folder.file() + ":1: "));
  CHECK(contents(folder.file()) == "nonsense\n");
  CHECK_FALSE(dnsd::erase_peer(folder.file(), {}).has_value());
  CHECK_FALSE(dnsd::append_peer("/proc/nonexistent/file", peer_named("alice")).has_value());
}

}  // namespace
