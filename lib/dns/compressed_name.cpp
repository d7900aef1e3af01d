#include "dns/compressed_name.hpp"

#include <array>

#include "dns/header.hpp"

namespace dns {
namespace {

/// The most pointers in one name. An honest name has one; following thousands would be wasted work.
constexpr unsigned max_pointers = 16;

}  // namespace

std::optional<Name> read_name(base::Bytes packet, base::ByteReader& reader) {
  std::array<std::uint8_t, max_name_octets> buffer{};
  base::ByteWriter name(buffer);
  base::ByteReader labels = reader;
  std::size_t limit = labels.offset();
  unsigned pointers = 0;
  while (true) {
    const std::uint8_t length = labels.u8();
    if (!labels.ok()) return std::nullopt;
    if (length >= 0xc0) {
      const std::size_t target = ((length & 0x3fU) << 8U) | labels.u8();
      if (!labels.ok() || target < header_octets || target >= limit) return std::nullopt;
      if (pointers == 0) reader = labels;
      if (++pointers > max_pointers) return std::nullopt;
      limit = target;
      labels = base::ByteReader(packet);
      labels.skip(target);
      continue;
    }
    if (length > max_label_octets) return std::nullopt;  // RFC 6891 §5: extended labels are gone
    name.u8(length);
    name.bytes(labels.bytes(length));
    if (!labels.ok() || !name.ok()) return std::nullopt;
    if (length == 0) break;
  }
  if (pointers == 0) reader = labels;
  const auto view = parse_name_view(name.written());
  if (!view) return std::nullopt;
  return Name(*view);
}

}  // namespace dns
