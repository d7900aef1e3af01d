#include "updater/host/echo.hpp"

/// Echo replies from both kinds of sockets: no octet behind the packet is read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes packet(data, size);
  for (const bool has_ip_header : {false, true}) {
    for (const auto family : {base::Family::ipv4, base::Family::ipv6})
      (void)updater::parse_echo_reply(packet, family, has_ip_header);
  }
  return 0;
}
