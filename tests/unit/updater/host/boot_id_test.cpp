#include "updater/host/boot_id.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

TEST_CASE("the boot is the same whether systemd passes its id or the kernel is asked") {
  ::unsetenv("BOOT_ID");
  const std::string kernel = updater::read_boot_id();
  REQUIRE(kernel.size() == 36);
  std::string passed = kernel;
  std::erase(passed, '-');
  ::setenv("BOOT_ID", passed.c_str(), 1);
  CHECK(updater::read_boot_id() == kernel);
  ::setenv("BOOT_ID", "00112233445566778899aabbccddeeff", 1);
  CHECK(updater::read_boot_id() == "00112233-4455-6677-8899-aabbccddeeff");
  ::setenv("BOOT_ID", "", 1);  // no id: the kernel's
  CHECK(updater::read_boot_id() == kernel);
  ::unsetenv("BOOT_ID");
}
