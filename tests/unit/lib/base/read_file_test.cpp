#include "base/read_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

/// A file that exists for one test.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text) {
    std::string name = (std::filesystem::temp_directory_path() / "read-file-XXXXXX").string();
    const int fd = ::mkstemp(name.data());
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(fd);
    path_ = name;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST_CASE("a text that an editor encoded in another way is called that") {
  using namespace std::string_view_literals;
  CHECK(base::find_encoding_fault("\xef\xbb\xbfzone: a").find("byte order mark") !=
        std::string_view::npos);
  for (const auto text : {"\xff\xfez\0"sv, "\xfe\xff\0z"sv})
    CHECK(base::find_encoding_fault(text).find("UTF-16") != std::string_view::npos);
  for (const auto text : {""sv, "zone: a"sv, "\xef\xbb"sv, "z\xef\xbb\xbf"sv})
    CHECK(base::find_encoding_fault(text).empty());
}

}  // namespace

TEST_CASE("a file is read whole, with every octet") {
  for (const std::string& text :
       {std::string(), std::string("one line\n"), std::string("NUL \0 inside", 12),
        std::string(4095, 'x'), std::string(4096, 'x'), std::string(100000, '\xff')}) {
    CAPTURE(text.size());
    const TemporaryFile file(text);
    const auto read = base::read_file(file.path());
    REQUIRE(read.has_value());
    CHECK(*read == text);
  }
}

TEST_CASE("a file of the kernel, which does not tell its length, is read whole") {
  const auto status = base::read_file("/proc/self/status");
  REQUIRE(status.has_value());
  CHECK(status->starts_with("Name:"));
  CHECK(status->ends_with('\n'));
}

TEST_CASE("a file that is longer than it told is read whole") {
  const auto maps = base::read_file("/proc/self/smaps");
  REQUIRE(maps.has_value());
  CHECK(maps->size() > 8192);
  CHECK(maps->find("[stack]") != std::string::npos);
  CHECK(maps->ends_with('\n'));
}

TEST_CASE("what is no file is refused at once, also where nobody writes to a FIFO") {
  const TemporaryFile file("text");
  const std::string fifo = file.path().string() + ".fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const std::string link = file.path().string() + ".link";
  std::filesystem::create_symlink(fifo, link);
  for (const std::string& path : {fifo, link, std::string("/dev/zero")}) {
    CAPTURE(path);
    const auto read = base::read_file(path);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error() == base::FileError::not_a_file);
    CHECK(read.error().message() == "Not a regular file");
  }
  std::filesystem::remove(link);
  std::filesystem::create_symlink(file.path(), link);  // as Kubernetes hands out its secrets
  CHECK(base::read_file(link).value() == "text");
  for (const std::string& path : {fifo, link}) std::filesystem::remove(path);
}

TEST_CASE("a file that is too long is refused before it is read") {
  const TemporaryFile file("12345");
  CHECK(base::read_file(file.path(), 5).value() == "12345");
  CHECK(base::read_file(file.path(), 4).error() == std::errc::file_too_large);
  CHECK(base::read_file("/proc/self/smaps", 4097).error() == std::errc::file_too_large);
}

TEST_CASE("what cannot be read is an error of the system") {
  const auto missing = base::read_file("/nonexistent/file");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error() == std::errc::no_such_file_or_directory);
  CHECK(missing.error().message() == "No such file or directory");
  const auto folder = base::read_file(std::filesystem::temp_directory_path());
  REQUIRE_FALSE(folder.has_value());
  CHECK(folder.error() == std::errc::is_a_directory);
}
