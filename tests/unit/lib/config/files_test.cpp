#include "config/files.hpp"

#include <doctest/doctest.h>

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
  CHECK(error_of("/tmp") == "/tmp: is not a regular file");
}

TEST_CASE("relative paths start from the folder of the file that names them") {
  const std::string folder = config::folder_of("/etc/wg-updater/x.yaml");
  CHECK(config::absolute_path(folder, "a/../b.json") == "/etc/wg-updater/b.json");
  CHECK(config::absolute_path(folder, "/run/b.json") == "/run/b.json");
}

TEST_CASE("the first folder that systemd hands over, else the default") {
  ::setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
  CHECK(config::folder_from_environment("STATE_DIRECTORY", "/d") == "/var/lib/one");
  ::setenv("STATE_DIRECTORY", "", 1);
  CHECK(config::folder_from_environment("STATE_DIRECTORY", "/d") == "/d");
  ::unsetenv("STATE_DIRECTORY");
  CHECK(config::folder_from_environment("STATE_DIRECTORY", "/d") == "/d");
}
