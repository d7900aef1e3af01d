#include "schema/peer_text.hpp"

#include <charconv>
#include <string_view>
#include <utility>

#include "base/encoding.hpp"
#include "schema/owner_name.hpp"
#include "schema/relay_text.hpp"

namespace schema {
namespace {

/// 9999-12-31T23:59:59Z. No real time is later, and later ones would overflow clocks of finer
/// resolution.
constexpr std::uint64_t max_unix_time = 253402300799;

/// The value of the first string of this key. RFC 6763 §6.4: keys in any case, the first one
/// counts.
std::optional<std::string_view> find_value(std::span<const std::string> strings,
                                           std::string_view key) {
  for (const std::string_view text : strings) {
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && base::equals_ignoring_case(text.substr(0, equals), key))
      return text.substr(equals + 1);
  }
  return std::nullopt;
}

/// Appends the prefixes of one comma-separated list. \return false: one of them is malformed.
bool append_prefixes(std::string_view list, std::vector<base::Prefix>& prefixes) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const auto prefix = base::Prefix::parse(list.substr(0, comma));
    if (!prefix) return false;
    prefixes.push_back(*prefix);
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
    if (list.empty()) return false;
  }
  return true;
}

/// Reads a Unix time where there is one. \return false: it is malformed.
bool read_time(std::optional<std::string_view> text, std::optional<base::WallTime>& time) {
  if (!text) return true;
  std::uint64_t seconds = 0;
  const char* end = text->data() + text->size();
  const auto [stop, ec] = std::from_chars(text->data(), end, seconds);
  if (ec != std::errc() || stop != end || seconds > max_unix_time) return false;
  time = base::WallTime(std::chrono::seconds(seconds));
  return true;
}

}  // namespace

std::optional<PeerText> parse_peer_text(std::span<const std::string> strings) {
  if (find_value(strings, "txtvers") != "1") return std::nullopt;
  const auto key = wg::PublicKey::parse(find_value(strings, "pub").value_or(""));
  if (!key) return std::nullopt;
  PeerText text;
  text.public_key = *key;
  auto allowed = find_value(strings, "allowed");
  for (unsigned next = 2; allowed; ++next) {
    if (!append_prefixes(*allowed, text.allowed_ips)) return std::nullopt;
    allowed = find_value(strings, "allowed" + std::to_string(next));
  }
  auto relays = find_value(strings, "relay");
  for (unsigned next = 2; relays; ++next) {
    if (!append_relays(*relays, text.relays)) return std::nullopt;
    relays = find_value(strings, "relay" + std::to_string(next));
  }
  if (!read_time(find_value(strings, "since"), text.since) ||
      !read_time(find_value(strings, "stale"), text.stale))
    return std::nullopt;
  text.is_hub = find_value(strings, "role") == "hub";
  text.mapping = parse_nat_mapping(find_value(strings, "map").value_or(""));
  const std::string_view name = find_value(strings, "name").value_or("");
  if (!check_peer_label(name)) text.name = name;
  return text;
}

}  // namespace schema
