#include "base/secret_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/read_file.hpp"

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

TEST_CASE("a secret is read into the caller's buffer") {
  const Folder folder;
  std::ofstream(folder.file()) << "secret\n";
  base::WipedBuffer<char> buffer(64);
  const auto text = base::read_secret_file(folder.file(), buffer);
  REQUIRE(text.has_value());
  CHECK(*text == "secret\n");
  CHECK(text->data() == buffer.span().data());
}

TEST_CASE("what cannot be read is told with the system's reason, and a FIFO is not waited for") {
  const Folder folder;
  base::WipedBuffer<char> buffer(64);
  CHECK(base::read_secret_file(folder.file(), buffer).error() ==
        std::errc::no_such_file_or_directory);
  CHECK(base::read_secret_file(folder.path(), buffer).error() == std::errc::is_a_directory);
  REQUIRE(::mkfifo(folder.file().c_str(), 0600) == 0);
  CHECK(base::read_secret_file(folder.file(), buffer).error() == base::FileError::not_a_file);
}

TEST_CASE("a file longer than the buffer fills it") {
  const Folder folder;
  std::ofstream(folder.file()) << "123456789";
  base::WipedBuffer<char> buffer(4);
  CHECK(base::read_secret_file(folder.file(), buffer).value() == "1234");
}

TEST_CASE("world accessible is a file that others may read or write, as wg says") {
  const Folder folder;
  CHECK_FALSE(base::is_world_accessible(folder.file()));
  std::ofstream(folder.file()) << "secret";
  const struct {
    unsigned mode;
    bool accessible;
  } rows[] = {{0600, false}, {0640, false}, {0660, false},
              {0604, true},  {0602, true},  {0644, true}};
  for (const auto& row : rows) {
    CAPTURE(row.mode);
    REQUIRE(::chmod(folder.file().c_str(), row.mode) == 0);
    CHECK(base::is_world_accessible(folder.file()) == row.accessible);
  }
  CHECK_FALSE(base::is_world_accessible("/dev/null"));  // no file
}

}  // namespace
