#include "updater/lookup/lookup.hpp"

/// A peer's text, sent by the server in the tunnel. Another key's text says nothing about the peer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const dns::Name zone = *dns::Name::parse("wg.example.org");
  const base::Bytes packet(data, size);
  (void)updater::parse_text_answer(packet, wg::PublicKey(base::Octets32{}), zone);
  return 0;
}
