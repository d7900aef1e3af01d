// A cookie reply, changed: only the server's own one is taken.
#include "wg_fixture.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wg_fuzz;
  Pair pair;
  const Octets initiation = pair.initiation();
  const auto parsed = wg::parse_message(initiation);
  const auto& sent = std::get<wg::Initiation>(*parsed);
  wg::MacChecker checker(pair.server.public_key());
  Octets original(wg::cookie_reply_octets);
  checker.write_reply(sent.sender, sent.macs, pair.path.remote, pair.now.steady, original);
  const Octets message = changed(original, data, size);
  wg::MacWriter writer;  // of whoever sent the initiation
  Octets again = initiation;
  writer.write(pair.server.public_key(), pair.now.steady, again);
  const auto reply = wg::parse_message(message);
  if (reply && std::holds_alternative<wg::CookieReply>(*reply)) {
    const bool is_same = std::equal(message.begin() + 8, message.end(), original.begin() + 8);
    const bool is_taken =
        writer.take(pair.server.public_key(), std::get<wg::CookieReply>(*reply), pair.now.steady);
    expect(is_taken == is_same);
  }
  pair.to_client(message);
  return 0;
}
