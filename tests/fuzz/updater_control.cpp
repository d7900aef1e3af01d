// A request on the updater's control socket.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "updater/control/control_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto request = updater::parse_control_request(text);
  if (request) {
    std::string line = updater::write_control_request(*request);
    line.pop_back();
    const auto again = updater::parse_control_request(line);
    // A name that is not UTF-8 is written with replacements, which may make it too long.
    if (!again && line.size() <= control::max_request) std::abort();
  }
  return 0;
}
