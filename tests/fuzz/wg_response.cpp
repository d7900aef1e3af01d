// A peer's response, changed: only the peer's own response makes a session.
#include "tests/fuzz/wg_fixture.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wg_fuzz;
  Pair pair;
  pair.to_server(pair.initiation());
  const Octets original = pair.server_out.sent;
  Octets message = changed(original, data, size);
  repair_mac1(message, pair.client.public_key());
  pair.to_client(message);
  const bool is_same = message.size() == original.size() &&
                       std::equal(message.begin(), message.begin() + 4, original.begin()) &&
                       std::equal(message.begin() + 8, message.end() - 32, original.begin() + 8);
  expect((pair.client_out.received_count == 1) == is_same);
  return 0;
}
