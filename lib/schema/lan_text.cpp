#include "schema/lan_text.hpp"

#include <array>
#include <cassert>
#include <string_view>

#include "dns/types.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_update.hpp"

namespace schema {
namespace {

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
  write_update_head(writer, id, zone, endpoints.empty() ? 1 : 2);
  write_update_record(writer, owner, dns::RrClass::any, 0, {});  // RFC 2136 §2.5.2
  if (!endpoints.empty()) {
    write_update_record(writer, owner, dns::RrClass::in, announced_ttl,
                        text_writer.written());  // §2.5.1
  }
  assert(writer.ok());
  message.resize(writer.size());
  return message;
}

}  // namespace schema
