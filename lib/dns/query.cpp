#include "dns/query.hpp"

#include <sys/random.h>

#include <array>

#include "dns/header.hpp"

namespace dns {

std::vector<std::uint8_t> write_query(std::uint16_t id, const Name& name, RrType type,
                                      std::uint16_t udp_octets) {
  std::vector<std::uint8_t> query(header_octets + max_name_octets + 4 + 11);
  base::ByteWriter writer(query);
  writer.u16(id);
  for (const std::uint16_t word : std::to_array<std::uint16_t>({0, 1, 0, 0, 1})) writer.u16(word);
  writer.bytes(name.view().wire());
  writer.u16(static_cast<std::uint16_t>(type));
  writer.u16(static_cast<std::uint16_t>(RrClass::in));
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>(RrType::opt));
  writer.u16(udp_octets);
  writer.u32(0);
  writer.u16(0);
  query.resize(writer.size());
  return query;
}

std::uint16_t random_id() {
  std::uint16_t id = 0;
  // The kernel lacks randomness only just after boot, when nobody forges replies yet.
  if (::getrandom(&id, sizeof id, GRND_NONBLOCK) != sizeof id) id = 1;
  return id;
}

}  // namespace dns
