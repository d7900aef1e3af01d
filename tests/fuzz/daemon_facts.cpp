#include "updater/report/doctor_facts.hpp"

/// What `wg-updater doctor` reads from the daemon's socket, which may be anybody's or of another
/// version. What is taken survives being written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto facts = updater::parse_daemon_facts(text);
  if (!facts) return 0;
  const auto again = updater::parse_daemon_facts(updater::write_daemon_facts(*facts));
  if (!again || !(*again == *facts)) __builtin_trap();
  return 0;
}
