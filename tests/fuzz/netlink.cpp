// A datagram of netlink messages. Each payload is read as every kind of message.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"
#include "wg/netlink_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::Bytes datagram(data, size);
  wg::NetlinkDeviceReader device;
  bool is_device = true;
  while (!datagram.empty()) {
    const std::size_t before = datagram.size();
    const auto message = wg::take_message(datagram);
    if (!message) break;
    if (datagram.size() >= before) std::abort();  // otherwise the loop would never end
    (void)wg::parse_family(message->payload);
    (void)wg::parse_wireguard_link(message->payload);
    is_device = is_device && device.read(message->payload);
  }
  if (is_device) (void)std::move(device).take();
  return 0;
}
