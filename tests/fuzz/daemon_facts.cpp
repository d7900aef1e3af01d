#include "updater/report/doctor_facts.hpp"

/// The facts that `wg-updater doctor` reads from the daemon's socket, which may belong to any
/// program or version. Accepted facts can be written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto facts = updater::parse_daemon_facts(text);
  if (!facts) return 0;
  const auto again = updater::parse_daemon_facts(updater::write_daemon_facts(*facts));
  if (!again || !(*again == *facts)) __builtin_trap();
  return 0;
}
