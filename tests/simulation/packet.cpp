#include "tests/simulation/packet.hpp"

#include <array>

namespace model {

noise::SessionIndex index_of(std::uint32_t number) {
  return number * 2654435761U;  // odd: each number has another one
}

std::uint64_t octets_of(Kind kind) {
  constexpr std::array<std::uint64_t, 11> octets = {148, 92, 32, 128, 128, 1312,
                                                    64,  64, 64, 192, 96};
  return octets.at(static_cast<std::size_t>(kind));
}

bool is_data(Kind kind) {
  return kind != Kind::initiation && kind != Kind::response && kind != Kind::keepalive &&
         kind != Kind::cookie;
}

std::vector<std::uint8_t> data_octets(const Packet& packet) {
  std::vector<std::uint8_t> octets(octets_of(packet.kind));
  noise::write_data_header(packet.receiver, packet.counter,
                           base::MutableBytes(octets).first(noise::data_header_octets));
  return octets;
}

}  // namespace model
