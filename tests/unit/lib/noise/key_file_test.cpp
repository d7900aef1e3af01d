#include "noise/key_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "wg-dnsd-key-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file() const { return path_ + "/key"; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const wg::PublicKey somebody = noise::KeyPair::draw().public_key();

TEST_CASE("a key is made once, for its owner alone, and read again") {
  const Folder folder;
  const auto made = noise::read_or_make_private_key(folder.file(), std::nullopt);
  REQUIRE(made.has_value());
  struct stat status {};
  REQUIRE(::stat(folder.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(std::filesystem::file_size(folder.file()) == 45);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  const auto again = noise::read_or_make_private_key(folder.file(), std::nullopt);
  REQUIRE(again.has_value());
  CHECK(*again == *made);
  const auto with_state = noise::read_or_make_private_key(folder.file(), somebody);
  REQUIRE(with_state.has_value());
  CHECK(*with_state == *made);
  CHECK((made->bytes()[0] & 7U) == 0);
  CHECK((made->bytes()[31] & 0xc0U) == 0x40);
}

TEST_CASE("missing while peers know a key: an error, and never a new key") {
  const Folder folder;
  const auto result = noise::read_or_make_private_key(folder.file(), somebody);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().find(folder.file()) != std::string::npos);
  CHECK(result.error().find(somebody.to_base64()) != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.file()));
}

TEST_CASE("what is no key is told by the file's name, and not what it holds") {
  const Folder folder;
  for (const std::string content : {"", "short\n", "////////////////////////////////////////////",
                                    "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=x"}) {
    CAPTURE(content);
    std::ofstream(folder.file()) << content;
    const auto result = noise::read_or_make_private_key(folder.file(), std::nullopt);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().starts_with(folder.file() + ": is not a private key"));
    if (!content.empty()) CHECK(result.error().find(content) == std::string::npos);
  }
  CHECK_FALSE(noise::read_or_make_private_key(folder.path(), std::nullopt).has_value());
  CHECK_FALSE(noise::read_or_make_private_key("/proc/none/key", std::nullopt).has_value());
}

TEST_CASE("a secret as wg prints it, with or without its newline") {
  const std::string text = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
  CHECK(noise::parse_secret<wg::PresharedKey>(text).has_value());
  CHECK(noise::parse_secret<wg::PresharedKey>(text + "\n") ==
        noise::parse_secret<wg::PresharedKey>(text));
  CHECK_FALSE(noise::parse_secret<wg::PresharedKey>(text + "\n" + text).has_value());
  CHECK_FALSE(noise::parse_secret<wg::PresharedKey>(" " + text).has_value());
}

}  // namespace
