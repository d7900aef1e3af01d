#include "schema/lan_text.hpp"

#include <array>
#include <cassert>
#include <string_view>

#include "dns/header.hpp"
#include "dns/types.hpp"
#include "schema/owner_name.hpp"

namespace schema {
namespace {

/// TTL of the announced record. The server decides how long the announcement lives.
constexpr std::uint32_t announced_ttl = 1;
constexpr std::size_t max_update_octets = 1232;  // the longest zone name and 8 endpoints: 1043

void write_record(base::ByteWriter& writer, dns::NameView owner, dns::RrClass rr_class,
                  std::uint32_t ttl, base::Bytes rdata) {
  writer.bytes(owner.wire());
  writer.u16(static_cast<std::uint16_t>(dns::RrType::txt));
  writer.u16(static_cast<std::uint16_t>(rr_class));
  writer.u32(ttl);
  writer.u16(static_cast<std::uint16_t>(rdata.size()));
  writer.bytes(rdata);
}

/// \return false: there are enough already, or this one may not be announced.
bool append_endpoint(std::string_view text, LanEndpoints& endpoints) {
  const auto endpoint = base::Endpoint::parse(text);
  if (endpoints.size() == max_lan_endpoints || !endpoint || !is_lan_endpoint(*endpoint))
    return false;
  endpoints.push_back(*endpoint);
  return true;
}

}  // namespace

bool is_lan_endpoint(const base::Endpoint& endpoint) {
  static const base::Prefix shared_space = *base::Prefix::parse("100.64.0.0/10");  // RFC 6598
  static const base::Prefix global_ipv6 = *base::Prefix::parse("2000::/3");
  const base::IpAddress& address = endpoint.address;
  if (base::to_number(endpoint.port) == 0) return false;
  switch (address.scope()) {
    case base::AddressScope::never:
      return false;
    case base::AddressScope::private_use:
      return address.unmapped() == address && !shared_space.contains(address);
    case base::AddressScope::global:
      return address.is_ipv4() || global_ipv6.contains(address);
  }
  return false;
}

std::optional<LanEndpoints> parse_lan_text(base::Bytes rdata) {
  base::ByteReader reader(rdata);
  LanEndpoints endpoints;
  while (reader.remaining() > 0) {
    const base::Bytes text = reader.bytes(reader.u8());
    if (!reader.ok() || !append_endpoint(base::as_text(text), endpoints)) return std::nullopt;
  }
  if (endpoints.empty()) return std::nullopt;
  return endpoints;
}

std::optional<LanEndpoints> parse_lan_strings(std::span<const std::string> strings) {
  LanEndpoints endpoints;
  for (const std::string& text : strings) {
    if (!append_endpoint(text, endpoints)) return std::nullopt;
  }
  if (endpoints.empty()) return std::nullopt;
  return endpoints;
}

void write_lan_text(base::ByteWriter& writer, const LanEndpoints& endpoints) {
  for (const base::Endpoint& endpoint : endpoints) {
    const std::string text = endpoint.to_string();
    writer.u8(static_cast<std::uint8_t>(text.size()));
    writer.bytes(base::as_bytes(text));
  }
}

std::vector<std::uint8_t> write_lan_update(std::uint16_t id, dns::NameView zone,
                                           const wg::PublicKey& key,
                                           const LanEndpoints& endpoints) {
  assert(endpoints.size() <= max_lan_endpoints);
  std::array<std::uint8_t, max_lan_text_octets> text;
  base::ByteWriter text_writer(text);
  write_lan_text(text_writer, endpoints);
  const dns::Name owner = lan_name(key, zone);

  std::vector<std::uint8_t> message(max_update_octets);
  base::ByteWriter writer(message);
  writer.u16(id);
  writer.u16(
      static_cast<std::uint16_t>(static_cast<unsigned>(dns::Opcode::update) << dns::opcode_shift));
  writer.u16(1);                                                      // zone
  writer.u16(0);                                                      // prerequisites
  writer.u16(static_cast<std::uint16_t>(endpoints.empty() ? 1 : 2));  // updates
  writer.u16(0);                                                      // additional
  writer.bytes(zone.wire());
  writer.u16(static_cast<std::uint16_t>(dns::RrType::soa));
  writer.u16(static_cast<std::uint16_t>(dns::RrClass::in));
  write_record(writer, owner, dns::RrClass::any, 0, {});  // RFC 2136 §2.5.2
  if (!endpoints.empty())
    write_record(writer, owner, dns::RrClass::in, announced_ttl, text_writer.written());  // §2.5.1
  assert(writer.ok());
  message.resize(writer.size());
  return message;
}

}  // namespace schema
