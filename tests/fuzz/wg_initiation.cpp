// A peer's initiation, changed: only the peer's own initiation is answered.
#include "tests/fuzz/wg_fixture.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wg_fuzz;
  Pair pair;
  const Octets original = pair.initiation();
  Octets message = changed(original, data, size);
  repair_mac1(message, pair.server.public_key());
  pair.to_server(message);
  // Before the response, neither the sender's index nor mac2 is proven.
  const bool is_same = message.size() == original.size() &&
                       std::equal(message.begin(), message.begin() + 4, original.begin()) &&
                       std::equal(message.begin() + 8, message.end() - 32, original.begin() + 8);
  expect(pair.server_out.sent.empty() != is_same);
  return 0;
}
