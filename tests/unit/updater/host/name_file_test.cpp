#include "updater/host/name_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/updater/samples.hpp"

namespace {

using samples::key;
using updater::NameFile;

std::string section(const wg::PublicKey& peer, const std::string& comment) {
  return comment + "\n[Peer]\nPublicKey = " + peer.to_base64() + "\n\n";
}

/// A file of this test, removed at its end.
class QuickFile {
 public:
  QuickFile()
      : path_(std::filesystem::temp_directory_path() /
              ("wg-names-" + std::to_string(::getpid()) + ".conf")) {}
  ~QuickFile() { std::filesystem::remove(path_); }
  QuickFile(const QuickFile&) = delete;
  QuickFile& operator=(const QuickFile&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }
  void write(const std::string& text) const { std::ofstream(path_) << text; }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("the names in WireGuard's file are read when it appears, and when it changes") {
  const QuickFile file;
  NameFile names(file.path());
  CHECK_FALSE(names.read_if_new());  // there is none

  file.write("[Interface]\nDNS = 192.0.2.1\n" + section(key(1), "### Client bob") +
             section(key(2), "# Name = my phone") + section(key(3), ""));
  const auto read = names.read_if_new();
  REQUIRE(read);
  CHECK(read->peers == std::map<wg::PublicKey, std::string>{{key(1), "bob"}, {key(2), "my-phone"}});
  REQUIRE(read->warnings.size() == 1);
  CHECK(read->warnings[0].starts_with(file.path() + ":"));
  CHECK(read->warnings[0].find("my phone") != std::string::npos);
  CHECK_FALSE(names.read_if_new());

  file.write(section(key(1), ""));  // wg-quick save
  const auto saved = names.read_if_new();
  REQUIRE(saved);
  CHECK(saved->peers.empty());
  CHECK_FALSE(NameFile("").read_if_new());
}
