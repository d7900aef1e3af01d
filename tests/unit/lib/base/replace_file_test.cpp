#include "base/replace_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/read_file.hpp"

namespace {

namespace fs = std::filesystem;

class ReplaceFolder {
 public:
  ReplaceFolder() : path((fs::temp_directory_path() / "wg-replace-XXXXXX").string()) {
    REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~ReplaceFolder() { fs::remove_all(path); }
  ReplaceFolder(const ReplaceFolder&) = delete;
  ReplaceFolder& operator=(const ReplaceFolder&) = delete;
  [[nodiscard]] std::string operator/(const char* name) const { return path + "/" + name; }

  std::string path;
};

unsigned permissions_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

}  // namespace

TEST_CASE("a file is made with its folder, replaced as a whole, and has the mode of its use") {
  const ReplaceFolder folder;
  const std::string path = folder / "deeper/file";
  REQUIRE(base::replace_file(path, "first, and longer", base::FileUse::published));
  CHECK(permissions_of(path) == 0644);
  REQUIRE(base::replace_file(path, "second", base::FileUse::state));
  CHECK(permissions_of(path) == 0600);
  CHECK(*base::read_file(path) == "second");
  CHECK_FALSE(fs::exists(path + ".new"));
}

TEST_CASE("what another program left as PATH.new is not trusted") {
  const ReplaceFolder folder;
  const std::string path = folder / "file";
  std::ofstream(path + ".new") << "half of an older text";
  fs::permissions(path + ".new", fs::perms::all);
  REQUIRE(base::replace_file(path, "text", base::FileUse::state));
  CHECK(permissions_of(path) == 0600);
  CHECK(*base::read_file(path) == "text");

  std::ofstream(folder / "other") << "of somebody else";
  fs::create_symlink(folder / "other", path + ".new");
  CHECK_FALSE(base::replace_file(path, "newer", base::FileUse::state));
  CHECK(*base::read_file(folder / "other") == "of somebody else");
  CHECK(*base::read_file(path) == "text");
}

TEST_CASE("a file that cannot be replaced is named by the error, and nothing is left behind") {
  const ReplaceFolder folder;
  const std::string path = folder / "file";
  fs::create_directory(path);
  const auto written = base::replace_file(path, "text", base::FileUse::state);
  REQUIRE_FALSE(written);
  CHECK(written.error() == std::errc::is_a_directory);
  CHECK(fs::is_directory(path));
  CHECK_FALSE(fs::exists(path + ".new"));
  CHECK(base::replace_file("/proc/none/file", "text", base::FileUse::state).error() ==
        std::errc::no_such_file_or_directory);
}
