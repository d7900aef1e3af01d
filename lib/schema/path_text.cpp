#include "schema/path_text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <charconv>
#include <string>
#include <utility>

#include "base/encoding.hpp"
#include "dns/header.hpp"
#include "dns/types.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_update.hpp"

namespace schema {
namespace {

constexpr std::string_view peer_prefix = "peer=";
constexpr std::string_view way_prefix = "way=";
constexpr std::string_view rtt_prefix = "rtt=";

/// The next string without its prefix; nullopt: it has another one, or there is no string.
std::optional<std::string_view> read_value(base::ByteReader& reader, std::string_view prefix) {
  const std::string_view text = base::as_text(reader.bytes(reader.u8()));
  if (!reader.ok() || !text.starts_with(prefix)) return std::nullopt;
  return text.substr(prefix.size());
}

std::optional<Way> parse_way(std::string_view text) {
  for (const Way way : {Way::direct, Way::lan, Way::relay, Way::none}) {
    if (text == to_string(way)) return way;
  }
  return std::nullopt;
}

/// One number has one text: no sign, no leading zero.
std::optional<std::uint32_t> parse_rtt(std::string_view text) {
  std::uint32_t rtt = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), rtt);
  if (ec != std::errc() || end != text.data() + text.size() || text.front() == '0' ||
      !std::has_single_bit(rtt) || rtt > max_path_rtt)
    return std::nullopt;
  return rtt;
}

dns::RrClass class_of(PathEdit::Kind kind) {
  switch (kind) {
    case PathEdit::Kind::remove_all:
      return dns::RrClass::any;
    case PathEdit::Kind::remove:
      return dns::RrClass::none;
    case PathEdit::Kind::add:
      break;
  }
  return dns::RrClass::in;
}

/// A pointer to what stands there in the message (RFC 1035 §4.1.4).
std::vector<std::uint8_t> point_to(std::size_t offset) {
  return {static_cast<std::uint8_t>(0xc0U | (offset >> 8U)), static_cast<std::uint8_t>(offset)};
}

/// `_path.K`, then the name in the zone section. With whole names half as many records would fit.
std::vector<std::uint8_t> write_owner(const wg::PublicKey& key) {
  std::vector<std::uint8_t> owner;
  const std::string label = key_label(key);
  for (const std::string_view one : {path_label, std::string_view(label)}) {
    owner.push_back(static_cast<std::uint8_t>(one.size()));
    owner.insert(owner.end(), one.begin(), one.end());
  }
  const auto zone = point_to(dns::header_octets);
  owner.insert(owner.end(), zone.begin(), zone.end());
  return owner;
}

}  // namespace

std::string_view to_string(Way way) {
  switch (way) {
    case Way::direct:
      return "direct";
    case Way::lan:
      return "lan";
    case Way::relay:
      return "relay";
    case Way::none:
      break;
  }
  return "none";
}

PeerPaths::const_iterator find_place(const PeerPaths& paths, const wg::PublicKey& peer) {
  return std::lower_bound(
      paths.begin(), paths.end(), peer,
      [](const PeerPath& one, const wg::PublicKey& key) { return one.peer < key; });
}

const PeerPath* find_path(const PeerPaths& paths, const wg::PublicKey& peer) {
  const auto place = find_place(paths, peer);
  return place == paths.end() || place->peer != peer ? nullptr : &*place;
}

std::uint32_t round_up_rtt(std::chrono::microseconds round_trip) {
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(round_trip).count();
  const auto bounded = std::clamp<std::int64_t>(whole, 1, max_path_rtt);
  return std::bit_ceil(static_cast<std::uint32_t>(bounded));
}

std::optional<PeerPath> parse_path_text(base::Bytes rdata) {
  base::ByteReader reader(rdata);
  const auto peer = read_value(reader, peer_prefix);
  const auto way = read_value(reader, way_prefix);
  if (!peer || !way || peer->size() != base::base32_length) return std::nullopt;
  const auto key = base::parse_base32(*peer);
  const auto known_way = parse_way(*way);
  if (!key || !known_way) return std::nullopt;
  PeerPath path{wg::PublicKey(*key), *known_way};
  if (reader.remaining() == 0) return path;
  const auto text = read_value(reader, rtt_prefix);
  if (!text || text->empty() || reader.remaining() != 0 || path.way == Way::none)
    return std::nullopt;
  path.rtt = parse_rtt(*text);
  if (!path.rtt) return std::nullopt;
  return path;
}

void write_path_text(base::ByteWriter& writer, const PeerPath& path) {
  write_text_string(writer, peer_prefix, key_label(path.peer));
  write_text_string(writer, way_prefix, to_string(path.way));
  if (path.rtt) write_text_string(writer, rtt_prefix, std::to_string(*path.rtt));
}

std::vector<std::uint8_t> write_path_update(std::uint16_t id, dns::NameView zone,
                                            const wg::PublicKey& key,
                                            std::span<const PathEdit> edits) {
  assert(edits.size() <= max_path_edits + 1);
  std::vector<std::uint8_t> message(max_update_octets);
  base::ByteWriter writer(message);
  write_update_head(writer, id, zone, static_cast<std::uint16_t>(edits.size()));
  const std::vector<std::uint8_t> first = write_owner(key);
  const std::vector<std::uint8_t> other = point_to(writer.size());
  bool is_first = true;
  for (const PathEdit& edit : edits) {
    std::array<std::uint8_t, max_path_text_octets> text;
    base::ByteWriter text_writer(text);
    if (edit.kind != PathEdit::Kind::remove_all) write_path_text(text_writer, edit.path);
    const bool is_added = edit.kind == PathEdit::Kind::add;
    write_update_record_at(writer, std::exchange(is_first, false) ? first : other,
                           class_of(edit.kind), is_added ? announced_ttl : 0,
                           text_writer.written());
  }
  assert(writer.ok());
  message.resize(writer.size());
  return message;
}

}  // namespace schema
