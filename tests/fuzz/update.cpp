// One message inside a tunnel as an UPDATE. The output must be a reply to it. It may change only
// the sender's own announcement, and only to addresses that may be announced.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "dns/update.hpp"
#include "dnsd/tunnel/lan_updates.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const AnswerFixture server;
  const wg::PublicKey sender = AnswerFixture::key(1);
  const base::Bytes message(data, size);
  dnsd::LanTable table;
  unsigned changes = 0;
  dnsd::LanUpdates updates(server.zones(), table, [&] { ++changes; });
  std::array<std::uint8_t, dns::our_udp_octets> reply;
  const std::size_t written = updates.respond(message, sender, AnswerFixture::now.steady, reply);

  const auto update = dns::parse_update(message);
  require(update.has_value() == (written > 0));
  if (!update) return 0;
  require(update->records.size() <= dns::max_update_records);
  require(written >= dns::header_octets && reply[0] == data[0] && reply[1] == data[1]);
  require((reply[2] & 0xf8U) == 0xa8U);
  const bool granted = (reply[3] & 0x0fU) == 0 && update->head.rcode == dns::Rcode::noerror;
  const auto announced = table.find(sender);
  require(changes == (announced != nullptr ? 1 : 0));
  require(granted || announced == nullptr);
  require(table.find(AnswerFixture::key(2)) == nullptr);
  if (announced == nullptr) return 0;
  require(!announced->empty() && announced->size() <= schema::max_lan_endpoints);
  require(std::all_of(announced->begin(), announced->end(), schema::is_lan_endpoint));
  return 0;
}
