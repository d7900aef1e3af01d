// A cookie reply, changed: only the server's own reply is accepted.
#include "tests/fuzz/wg_fixture.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wg_fuzz;
  Pair pair;
  const Octets initiation = pair.initiation();
  const auto parsed = noise::parse_message(initiation);
  const auto& sent = std::get<noise::Initiation>(*parsed);
  noise::MacChecker checker(pair.server.public_key());
  Octets original(noise::cookie_reply_octets);
  checker.write_reply(sent.sender, sent.macs, pair.path.remote, pair.now.steady, original);
  const Octets message = changed(original, data, size);
  noise::MacWriter writer;  // the writer of the initiation's sender
  Octets again = initiation;
  writer.write(pair.server.public_key(), pair.now.steady, again);
  const auto reply = noise::parse_message(message);
  if (reply && std::holds_alternative<noise::CookieReply>(*reply)) {
    const bool is_same = std::equal(message.begin() + 8, message.end(), original.begin() + 8);
    const bool is_taken = writer.take(pair.server.public_key(),
                                      std::get<noise::CookieReply>(*reply), pair.now.steady);
    expect(is_taken == is_same);
  }
  pair.to_client(message);
  return 0;
}
