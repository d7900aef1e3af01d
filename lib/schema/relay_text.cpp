#include "schema/relay_text.hpp"

#include <array>
#include <cassert>

#include "base/encoding.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_update.hpp"

namespace schema {
namespace {

constexpr std::size_t max_text_string = 255;  // RFC 1035 §3.3
constexpr std::string_view via_prefix = "via=";
constexpr std::size_t via_octets = via_prefix.size() + base::base32_length;

std::optional<wg::PublicKey> parse_key(std::string_view text) {
  if (text.size() != base::base32_length) return std::nullopt;
  const auto octets = base::parse_base32(text);
  if (!octets) return std::nullopt;
  return wg::PublicKey(*octets);
}

}  // namespace

std::vector<std::string> write_relay_strings(std::span<const wg::PublicKey> relays) {
  assert(relays.size() <= max_relays);
  std::vector<std::string> strings;
  for (const wg::PublicKey& relay : relays) {
    if (strings.empty()) {
      strings.emplace_back("relay=");
    } else if (strings.back().size() + 1 + base::base32_length > max_text_string) {
      strings.push_back("relay" + std::to_string(strings.size() + 1) + "=");
    } else {
      strings.back() += ',';
    }
    strings.back() += key_label(relay);
  }
  return strings;
}

bool append_relays(std::string_view list, std::vector<wg::PublicKey>& relays) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const auto key = parse_key(list.substr(0, comma));
    if (!key) return false;
    if (relays.size() < max_relays) relays.push_back(*key);
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
    if (list.empty()) return false;
  }
  return true;
}

std::optional<std::vector<wg::PublicKey>> parse_via_text(base::Bytes rdata) {
  base::ByteReader reader(rdata);
  std::vector<wg::PublicKey> peers;
  while (reader.remaining() > 0) {
    const std::string_view text = base::as_text(reader.bytes(reader.u8()));
    if (!reader.ok() || peers.size() == max_via_peers || text.size() != via_octets ||
        !base::equals_ignoring_case(text.substr(0, via_prefix.size()), via_prefix))
      return std::nullopt;
    const auto key = parse_key(text.substr(via_prefix.size()));
    if (!key) return std::nullopt;
    peers.push_back(*key);
  }
  if (peers.empty()) return std::nullopt;
  return peers;
}

std::vector<std::uint8_t> write_via_update(std::uint16_t id, dns::NameView zone,
                                           const wg::PublicKey& key,
                                           std::span<const wg::PublicKey> peers) {
  assert(!peers.empty() && peers.size() <= max_via_peers);
  std::array<std::uint8_t, max_via_peers*(1 + via_octets)> text;
  base::ByteWriter text_writer(text);
  for (const wg::PublicKey& peer : peers) {
    text_writer.u8(static_cast<std::uint8_t>(via_octets));
    text_writer.bytes(base::as_bytes(via_prefix));
    text_writer.bytes(base::as_bytes(key_label(peer)));
  }
  std::vector<std::uint8_t> message(max_update_octets);
  base::ByteWriter writer(message);
  write_update_head(writer, id, zone, 1);
  write_update_record(writer, relay_name(key, zone), dns::RrClass::in, announced_ttl,
                      text_writer.written());  // RFC 2136 §2.5.1
  assert(writer.ok());
  message.resize(writer.size());
  return message;
}

}  // namespace schema
