// One message inside a tunnel as an UPDATE. The output must be a reply to it. It may change only
// the sender's own announcement, and only to addresses that may be announced; or the sender's own
// ways, and only to registered peers; or tell the relay, in the sender's name alone.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "dns/update.hpp"
#include "dnsd/tunnel/peer_updates.hpp"
#include "schema/path_text.hpp"
#include "schema/relay_text.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

class Relay final : public dnsd::RelayRequests {
 public:
  bool adopt(const wg::PublicKey& peer, const wg::PublicKey& /*other*/,
             base::SteadyTime /*now*/) override {
    require(peer == AnswerFixture::key(1));
    require(++asked <= schema::max_via_peers);
    return true;
  }
  bool pause(const wg::PublicKey& peer, const wg::PublicKey& /*other*/,
             std::chrono::milliseconds length, base::SteadyTime /*now*/) override {
    require(peer == AnswerFixture::key(1));
    require(length.count() >= 0 && length.count() <= 0xffff'ffff);
    require(++asked == 1);
    return true;
  }
  std::size_t asked = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const AnswerFixture server;
  const wg::PublicKey sender = AnswerFixture::key(1);
  const base::Bytes message(data, size);
  dnsd::LiveState live;
  const dnsd::LanTable& table = live.lan;
  unsigned changes = 0;
  dnsd::PeerUpdates updates(server.zones(), server.peers, live, [&] { ++changes; });
  Relay relay;
  std::array<std::uint8_t, dns::our_udp_octets> reply;
  const std::size_t written =
      updates.respond(message, {sender, &relay}, AnswerFixture::now.steady, reply);

  const auto update = dns::parse_update(message);
  require(update.has_value() == (written > 0));
  if (!update) return 0;
  require(update->records.size() <= dns::max_update_records);
  require(written >= dns::header_octets && reply[0] == data[0] && reply[1] == data[1]);
  require((reply[2] & 0xf8U) == 0xa8U);
  const bool granted = (reply[3] & 0x0fU) == 0 && update->head.rcode == dns::Rcode::noerror;
  const auto announced = table.find(sender);
  const auto paths = live.paths.find(sender);
  require(announced == nullptr || paths == nullptr);
  const bool is_told = announced != nullptr || paths != nullptr;
  require(changes == (is_told ? 1 : 0));
  require(granted || !is_told);
  require(table.find(AnswerFixture::key(2)) == nullptr);
  require(live.paths.find(AnswerFixture::key(2)) == nullptr);
  require(relay.asked == 0 || (granted && !is_told));
  if (paths != nullptr) {
    require(!paths->empty() && paths->size() <= dns::max_update_records);
    for (const schema::PeerPath& path : *paths)
      require(path.peer != sender && server.peers.find(path.peer).has_value());
  }
  if (announced == nullptr) return 0;
  require(!announced->empty() && announced->size() <= schema::max_lan_endpoints);
  require(std::all_of(announced->begin(), announced->end(), schema::is_lan_endpoint));
  return 0;
}
