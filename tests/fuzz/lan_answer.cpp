#include "dns/update.hpp"
#include "updater/tunnel/lan.hpp"

/// Replies of the server in the tunnel: to an announcement, and with a peer's addresses. An
/// accepted address is one that may be announced.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const dns::Name zone = *dns::Name::parse("wg.example.org");
  const base::Bytes packet(data, size);
  (void)dns::parse_update_reply(packet, 0x1234, zone);
  const auto endpoints = updater::parse_lan_answer(packet, wg::PublicKey(base::Octets32{}), zone);
  if (!endpoints) return 0;
  if (endpoints->empty() || endpoints->size() > schema::max_lan_endpoints) __builtin_trap();
  for (const base::Endpoint& endpoint : *endpoints) {
    if (!schema::is_lan_endpoint(endpoint)) __builtin_trap();
  }
  return 0;
}
