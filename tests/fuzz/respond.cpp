// One request through the whole answer path, for both views and transports. The output must be a
// reply to the request.
#include <cstdlib>

#include "dns/request.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const AnswerFixture server;
  const base::Bytes query(data, size);
  for (const auto view : {dnsd::View::public_view, dnsd::View::private_view}) {
    for (const auto transport : {dns::Transport::udp, dns::Transport::tcp}) {
      const auto reply = server.ask(query, {view, transport});
      const bool answerable = size >= dns::header_octets && (data[2] & 0x80U) == 0;
      require(reply.empty() != answerable);
      if (reply.empty()) continue;
      require(reply.size() >= dns::header_octets);
      require(transport == dns::Transport::tcp || reply.size() <= 1232);
      require(reply[0] == data[0] && reply[1] == data[1]);
      require((reply[2] & 0xf8U) == (0x80U | (data[2] & 0x78U)));
    }
  }
  return 0;
}
