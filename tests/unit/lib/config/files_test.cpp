#include "config/files.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "config/error.hpp"

TEST_CASE("what is not a file, or cannot be read, is told by name") {
  const auto error_of = [](const std::string& path) {
    try {
      (void)config::read_whole_file(path);
    } catch (const config::Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(
      error_of("/nonexistent/w.yaml").starts_with("/nonexistent/w.yaml: cannot be read: No such"));
  CHECK(error_of("/dev/zero") == "/dev/zero: is not a regular file");
  CHECK(error_of("/tmp") == "/tmp: is a folder, and a file is expected");
}

TEST_CASE("relative paths start from the folder of the file that names them") {
  const std::string folder = config::folder_of("/etc/wg-updater/x.yaml");
  CHECK(config::absolute_path(folder, "a/../b.json") == "/etc/wg-updater/b.json");
  CHECK(config::absolute_path(folder, "/run/b.json") == "/run/b.json");
}

TEST_CASE("the first folder that systemd hands over, else the system's") {
  const auto own = [] { return config::own_folder(config::FolderUse::state, "none-such"); };
  ::setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
  CHECK(own() == "/var/lib/one");
  CHECK(config::own_folder(config::FolderUse::runtime, "none-such") != "/var/lib/one");
  for (const char* none : {"", static_cast<const char*>(nullptr)}) {
    none == nullptr ? ::unsetenv("STATE_DIRECTORY") : ::setenv("STATE_DIRECTORY", none, 1);
    // An ordinary user's own is tested with the programs: tests/wire/test_mistakes.py.
    if (::geteuid() == 0) CHECK(own() == "/var/lib/none-such");
  }
  if (::geteuid() == 0)
    CHECK(config::find_socket("none-such", "x.sock") == "/run/none-such/x.sock");
}
