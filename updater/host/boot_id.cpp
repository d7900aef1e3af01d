#include "updater/host/boot_id.hpp"

#include <cstdlib>

#include "base/read_file.hpp"

namespace updater {
namespace {

constexpr std::size_t digits = 32;

}  // namespace

std::string read_boot_id() {
  const char* given = std::getenv("BOOT_ID");
  std::string id = given == nullptr ? "" : given;
  if (id.size() == digits) {  // systemd writes no hyphens
    for (const std::size_t place : {8U, 13U, 18U, 23U}) id.insert(place, 1, '-');
    return id;
  }
  const auto text = base::read_file("/proc/sys/kernel/random/boot_id");
  return text ? text->substr(0, text->find('\n')) : std::string();
}

}  // namespace updater
