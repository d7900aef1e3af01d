#include "dns/reply.hpp"

#include <cstdint>

// A resolver's reply, read as the answer to the question that it contains. Otherwise the check of
// the question would hide the code behind it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes packet(data, size);
  base::ByteReader reader(packet);
  reader.skip(12);
  const auto asked = dns::parse_name_view(reader.bytes(reader.remaining()));
  const dns::Name name = asked ? dns::Name(*asked) : dns::Name();
  dns::RrType type{};
  if (asked) {
    base::ByteReader behind(packet);
    behind.skip(12 + asked->wire().size());
    type = dns::RrType{behind.u16()};
  }
  const auto reply = dns::parse_reply(packet, name, type);
  if (reply && reply->answer.size() + reply->authority.size() + reply->additional.size() > size)
    __builtin_trap();
  return 0;
}
