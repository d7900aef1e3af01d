#include "base/replace_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
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

std::ptrdiff_t entries_of(const std::string& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
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
  CHECK(entries_of(folder / "deeper") == 1);
}

TEST_CASE("what others planted in the folder is neither followed, nor written to, nor waited for") {
  for (const base::FileUse use : {base::FileUse::state, base::FileUse::published}) {
    for (const std::string kind : {"file", "symlink", "dangling symlink", "hard link", "FIFO"}) {
      CAPTURE(kind);
      const ReplaceFolder folder;
      const std::string victim = folder / "victim";
      std::ofstream(victim) << "of somebody else";
      // The name that an unfinished file had once, and the place itself.
      for (const std::string& planted : {folder / "file.new", folder / "file"}) {
        if (kind == "file") std::ofstream(planted) << "planted";
        if (kind == "symlink") fs::create_symlink(victim, planted);
        if (kind == "dangling symlink") fs::create_symlink(folder / "nowhere", planted);
        if (kind == "hard link") fs::create_hard_link(victim, planted);
        if (kind == "FIFO") REQUIRE(::mkfifo(planted.c_str(), 0666) == 0);
      }
      const auto before = fs::symlink_status(folder / "file.new").type();
      REQUIRE(base::replace_file(folder / "file", "text", use));
      CHECK(fs::symlink_status(folder / "file").type() == fs::file_type::regular);
      CHECK(*base::read_file(folder / "file") == "text");
      CHECK(permissions_of(folder / "file") == (use == base::FileUse::state ? 0600 : 0644));
      CHECK(*base::read_file(victim) == "of somebody else");
      CHECK_FALSE(fs::exists(folder / "nowhere"));
      CHECK(fs::symlink_status(folder / "file.new").type() == before);
    }
  }
}

TEST_CASE("no other name is left behind, and the mode does not depend on the umask") {
  const ReplaceFolder folder;
  for (const mode_t umask : {0U, 022U, 077U}) {
    CAPTURE(umask);
    const mode_t before = ::umask(umask);
    const auto state = base::replace_file(folder / "made/state", "text", base::FileUse::state);
    const auto published = base::replace_file(folder / "seen", "text", base::FileUse::published);
    ::umask(before);
    REQUIRE(state);
    REQUIRE(published);
    CHECK(permissions_of(folder / "made") == 0700);
    CHECK(permissions_of(folder / "made/state") == 0600);
    CHECK(permissions_of(folder / "seen") == 0644);
    CHECK(entries_of(folder.path) == 2);
    CHECK(entries_of(folder / "made") == 1);
    fs::remove_all(folder / "made");
  }
}

TEST_CASE("a file is made whole, and one that is there is never replaced") {
  const ReplaceFolder folder;
  const std::string path = folder / "file";
  fs::create_symlink(folder / "victim", path + ".new");
  REQUIRE(base::make_file(path, "text", base::FileUse::state));
  CHECK(*base::read_file(path) == "text");
  CHECK(permissions_of(path) == 0600);
  CHECK(base::make_file(path, "newer", base::FileUse::state).error() == std::errc::file_exists);
  CHECK(*base::read_file(path) == "text");
  // Also where the link leads nowhere: what stands there was put there by somebody.
  fs::create_symlink(folder / "victim", folder / "link");
  CHECK(base::make_file(folder / "link", "text", base::FileUse::state).error() ==
        std::errc::file_exists);
  CHECK_FALSE(fs::exists(folder / "victim"));
  CHECK(base::make_file(folder / "none/file", "text", base::FileUse::state).error() ==
        std::errc::no_such_file_or_directory);
  CHECK(entries_of(folder.path) == 3);
}

TEST_CASE("a file that cannot be replaced is named by the error, and nothing is left behind") {
  const ReplaceFolder folder;
  const std::string path = folder / "file";
  fs::create_directory(path);
  const auto written = base::replace_file(path, "text", base::FileUse::state);
  REQUIRE_FALSE(written);
  CHECK(written.error() == std::errc::is_a_directory);
  CHECK(fs::is_directory(path));
  CHECK(entries_of(folder.path) == 1);
  CHECK(base::replace_file("/proc/none/file", "text", base::FileUse::state).error() ==
        std::errc::no_such_file_or_directory);
}
