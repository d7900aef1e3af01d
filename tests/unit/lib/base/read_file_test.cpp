#include "base/read_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/file_descriptor.hpp"

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
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const base::FileDescriptor reader(ends[0]);
  base::FileDescriptor writer(ends[1]);
  const std::string text(20000, 'x');
  REQUIRE(::write(writer.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(writer.release());
  const auto read = base::read_file("/proc/self/fd/" + std::to_string(reader.get()));
  REQUIRE(read.has_value());
  CHECK(*read == text);
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
