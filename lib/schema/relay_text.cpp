#include "schema/relay_text.hpp"

#include <array>
#include <cassert>
#include <charconv>
#include <limits>

#include "base/encoding.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_update.hpp"

namespace schema {
namespace {

constexpr std::size_t max_text_string = 255;  // RFC 1035 §3.3
constexpr std::string_view via_prefix = "via=";
constexpr std::string_view pause_prefix = "pause=";
constexpr std::string_view length_prefix = "for=";
constexpr std::size_t via_octets = via_prefix.size() + base::base32_length;
constexpr std::size_t pause_octets = pause_prefix.size() + base::base32_length;
constexpr std::size_t length_octets =
    length_prefix.size() + std::numeric_limits<std::uint32_t>::digits10 + 1;

using Strings = std::vector<std::string_view>;

std::optional<wg::PublicKey> parse_key(std::string_view text) {
  if (text.size() != base::base32_length) return std::nullopt;
  const auto octets = base::parse_base32(text);
  if (!octets) return std::nullopt;
  return wg::PublicKey(*octets);
}

/// What follows the word. \return nullopt: it is another word.
std::optional<std::string_view> value_of(std::string_view text, std::string_view prefix) {
  if (!base::equals_ignoring_case(text.substr(0, prefix.size()), prefix)) return std::nullopt;
  return text.substr(prefix.size());
}

std::optional<ViaRequest> parse_via(const Strings& strings) {
  if (strings.size() > max_via_peers) return std::nullopt;
  ViaRequest request;
  for (const std::string_view text : strings) {
    const auto value = value_of(text, via_prefix);
    const auto key = value ? parse_key(*value) : std::nullopt;
    if (!key) return std::nullopt;
    request.peers.push_back(*key);
  }
  return request;
}

std::optional<std::chrono::milliseconds> parse_milliseconds(std::string_view text) {
  std::uint32_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc() || end != last) return std::nullopt;
  return std::chrono::milliseconds(number);
}

std::optional<PauseRequest> parse_pause(std::string_view peer, const Strings& strings) {
  const auto key = parse_key(peer);
  if (!key || strings.size() > 2) return std::nullopt;
  PauseRequest request{.peer = *key, .length = {}};
  if (strings.size() == 2) {
    const auto value = value_of(strings[1], length_prefix);
    if (value) request.length = parse_milliseconds(*value);
    if (!request.length) return std::nullopt;
  }
  return request;
}

std::vector<std::uint8_t> write_request(std::uint16_t id, dns::NameView zone,
                                        const wg::PublicKey& key, base::Bytes rdata) {
  std::vector<std::uint8_t> message(max_update_octets);
  base::ByteWriter writer(message);
  write_update_head(writer, id, zone, 1);
  write_update_record(writer, relay_name(key, zone), dns::RrClass::in, announced_ttl,
                      rdata);  // RFC 2136 §2.5.1
  assert(writer.ok());
  message.resize(writer.size());
  return message;
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

std::optional<RelayRequest> parse_relay_request(base::Bytes rdata) {
  base::ByteReader reader(rdata);
  Strings strings;
  while (reader.remaining() > 0) {
    strings.push_back(base::as_text(reader.bytes(reader.u8())));
    if (!reader.ok()) return std::nullopt;
  }
  if (strings.empty()) return std::nullopt;
  if (const auto peer = value_of(strings.front(), pause_prefix)) return parse_pause(*peer, strings);
  return parse_via(strings);
}

std::vector<std::uint8_t> write_via_update(std::uint16_t id, dns::NameView zone,
                                           const wg::PublicKey& key,
                                           std::span<const wg::PublicKey> peers) {
  assert(!peers.empty() && peers.size() <= max_via_peers);
  std::array<std::uint8_t, max_via_peers*(1 + via_octets)> text;
  base::ByteWriter writer(text);
  for (const wg::PublicKey& peer : peers) write_text_string(writer, via_prefix, key_label(peer));
  return write_request(id, zone, key, writer.written());
}

std::vector<std::uint8_t> write_pause_update(std::uint16_t id, dns::NameView zone,
                                             const wg::PublicKey& key, const wg::PublicKey& peer,
                                             std::chrono::milliseconds length) {
  assert(length.count() >= 0 && length.count() <= std::numeric_limits<std::uint32_t>::max());
  std::array<std::uint8_t, (1 + pause_octets) + (1 + length_octets)> text;
  base::ByteWriter writer(text);
  write_text_string(writer, pause_prefix, key_label(peer));
  write_text_string(writer, length_prefix, std::to_string(length.count()));
  return write_request(id, zone, key, writer.written());
}

}  // namespace schema
