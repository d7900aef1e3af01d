#include "base/secret_file.hpp"

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
    std::string name = (std::filesystem::temp_directory_path() / "wg-dnsd-secret-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file() const { return path_ + "/secret"; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

TEST_CASE("a secret file is made whole, for its owner alone, and read again") {
  const Folder folder;
  REQUIRE(base::make_secret_file(folder.file(), "secret\n").has_value());
  CHECK(content(folder.file()) == "secret\n");
  CHECK(mode_of(folder.file()) == 0600);
  CHECK_FALSE(std::filesystem::exists(folder.file() + ".new"));
  base::WipedBuffer<char> buffer(64);
  const auto text = base::read_secret_file(folder.file(), buffer);
  REQUIRE(text.has_value());
  CHECK(*text == "secret\n");
  CHECK(text->data() == buffer.span().data());
}

TEST_CASE("a file that is there is never replaced") {
  const Folder folder;
  std::ofstream(folder.file()) << "older";
  const auto made = base::make_secret_file(folder.file(), "newer");
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error() == std::errc::file_exists);
  CHECK(content(folder.file()) == "older");
  CHECK_FALSE(std::filesystem::exists(folder.file() + ".new"));
}

TEST_CASE("what a crash left behind is in nobody's way") {
  const Folder folder;
  std::ofstream(folder.file() + ".new") << "half a secret, and open to all";
  std::filesystem::permissions(folder.file() + ".new", std::filesystem::perms::all);
  REQUIRE(base::make_secret_file(folder.file(), "whole").has_value());
  CHECK(content(folder.file()) == "whole");
  CHECK(mode_of(folder.file()) == 0600);
}

TEST_CASE("a link in the place of the unfinished file is not followed") {
  const Folder folder;
  std::ofstream(folder.path() + "/other") << "other";
  std::filesystem::create_symlink(folder.path() + "/other", folder.file() + ".new");
  CHECK_FALSE(base::make_secret_file(folder.file(), "secret").has_value());
  CHECK(content(folder.path() + "/other") == "other");
  CHECK_FALSE(std::filesystem::exists(folder.file()));
}

TEST_CASE("what cannot be read or written is told with the system's reason") {
  const Folder folder;
  base::WipedBuffer<char> buffer(64);
  CHECK(base::read_secret_file(folder.file(), buffer).error() ==
        std::errc::no_such_file_or_directory);
  CHECK(base::read_secret_file(folder.path(), buffer).error() == std::errc::is_a_directory);
  CHECK(base::make_secret_file(folder.file() + "/below", "x").error() ==
        std::errc::no_such_file_or_directory);
}

TEST_CASE("a file longer than the buffer fills it") {
  const Folder folder;
  std::ofstream(folder.file()) << "123456789";
  base::WipedBuffer<char> buffer(4);
  CHECK(base::read_secret_file(folder.file(), buffer).value() == "1234");
}

}  // namespace
