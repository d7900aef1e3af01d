#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "control/reply.hpp"
#include "dnsd/control/control_request.hpp"

// Both sides of the control socket. The first octet is the size of the pieces of a reply.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  if (const auto request = dnsd::parse_control_request(input)) {
    const std::string line = dnsd::write_control_request(*request);
    const auto again = dnsd::parse_control_request(line.substr(0, line.size() - 1));
    // Only a valid command is written and parsed again.
    if (!again || again->command != request->command) std::abort();
  }
  if (input.empty()) return 0;
  const auto piece = static_cast<std::size_t>(data[0]) + 1;
  control::ReplyReader reader;
  std::size_t printed = 0;
  for (std::size_t at = 1; at < input.size(); at += piece) {
    printed += reader.feed(std::string_view(input).substr(at, piece)).size();
  }
  if (printed > input.size()) std::abort();
  return 0;
}
