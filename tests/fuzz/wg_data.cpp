// Transport data, changed: only the peer's own packets are received, and only once.
#include "tests/fuzz/wg_fixture.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wg_fuzz;
  Pair pair;
  pair.connect();
  const int before = pair.server_out.received_count;
  (void)pair.client.send(pair.server.public_key(), Octets(40, 0x45), pair.now);
  const Octets original = pair.client_out.sent;
  const Octets message = changed(original, data, size);
  pair.to_server(message);
  expect((pair.server_out.received_count == before + 1) == (message == original));
  pair.to_server(original);
  pair.to_server(original);
  expect(pair.server_out.received_count == before + 1);
  return 0;
}
