#include "noise/message.hpp"

#include <algorithm>
#include <cassert>

namespace noise {
namespace {

enum Type : std::uint32_t { initiation = 1, response = 2, cookie_reply = 3, transport_data = 4 };

constexpr std::size_t both_macs = 2 * mac_octets;

std::uint64_t read_le(base::ByteReader& reader, std::size_t octets) {
  std::uint64_t value = 0;
  const base::Bytes bytes = reader.bytes(octets);
  for (std::size_t i = 0; i < bytes.size(); ++i) value |= std::uint64_t{bytes[i]} << (8 * i);
  return value;
}
SessionIndex read_index(base::ByteReader& reader) {
  return static_cast<SessionIndex>(read_le(reader, 4));
}
wg::PublicKey read_key(base::ByteReader& reader) {
  base::Octets32 octets{};
  const base::Bytes bytes = reader.bytes(octets.size());
  std::copy(bytes.begin(), bytes.end(), octets.begin());
  return wg::PublicKey(octets);
}

void write_le(base::ByteWriter& writer, std::uint64_t value, std::size_t octets) {
  for (std::size_t i = 0; i < octets; ++i) writer.u8(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// \param datagram ends with both.
Macs read_macs(base::Bytes datagram) {
  const std::size_t covered = datagram.size() - both_macs;
  return {.before_mac1 = datagram.first(covered),
          .mac1 = datagram.subspan(covered, mac_octets),
          .before_mac2 = datagram.first(covered + mac_octets),
          .mac2 = datagram.last(mac_octets)};
}

Message parse_initiation(base::ByteReader& reader, base::Bytes datagram) {
  Initiation result;
  result.sender = read_index(reader);
  result.ephemeral = read_key(reader);
  result.sealed_static = reader.bytes(wg::PrivateKey::size + tag_octets);
  result.sealed_timestamp = reader.bytes(12 + tag_octets);
  result.macs = read_macs(datagram);
  return result;
}

Message parse_response(base::ByteReader& reader, base::Bytes datagram) {
  Response result;
  result.sender = read_index(reader);
  result.receiver = read_index(reader);
  result.ephemeral = read_key(reader);
  result.sealed_nothing = reader.bytes(tag_octets);
  result.macs = read_macs(datagram);
  return result;
}

Message parse_cookie_reply(base::ByteReader& reader) {
  CookieReply result;
  result.receiver = read_index(reader);
  const base::Bytes nonce = reader.bytes(result.nonce.size());
  std::copy(nonce.begin(), nonce.end(), result.nonce.begin());
  result.sealed_cookie = reader.bytes(mac_octets + tag_octets);
  return result;
}

Message parse_data(base::ByteReader& reader) {
  TransportData result;
  result.receiver = read_index(reader);
  result.counter = read_le(reader, 8);
  result.sealed = reader.bytes(reader.remaining());
  return result;
}

}  // namespace

std::optional<Message> parse_message(base::Bytes datagram) {
  base::ByteReader reader(datagram);
  const std::uint64_t type = read_le(reader, 4);  // the three reserved octets are zero
  if (!reader.ok()) return std::nullopt;
  switch (type) {
    case Type::initiation:
      if (datagram.size() != initiation_octets) return std::nullopt;
      return parse_initiation(reader, datagram);
    case Type::response:
      if (datagram.size() != response_octets) return std::nullopt;
      return parse_response(reader, datagram);
    case Type::cookie_reply:
      if (datagram.size() != cookie_reply_octets) return std::nullopt;
      return parse_cookie_reply(reader);
    case Type::transport_data:
      if (datagram.size() < keepalive_octets) return std::nullopt;
      return parse_data(reader);
    default:
      return std::nullopt;
  }
}

void write_initiation(SessionIndex sender, const wg::PublicKey& ephemeral,
                      base::Bytes sealed_static, base::Bytes sealed_timestamp,
                      base::MutableBytes out) {
  base::ByteWriter writer(out);
  write_le(writer, Type::initiation, 4);
  write_le(writer, sender, 4);
  writer.bytes(ephemeral.octets());
  writer.bytes(sealed_static);
  writer.bytes(sealed_timestamp);
  writer.bytes(std::array<std::uint8_t, both_macs>{});
  assert(writer.ok() && writer.room() == 0);
}

void write_response(SessionIndex sender, SessionIndex receiver, const wg::PublicKey& ephemeral,
                    base::Bytes sealed_nothing, base::MutableBytes out) {
  base::ByteWriter writer(out);
  write_le(writer, Type::response, 4);
  write_le(writer, sender, 4);
  write_le(writer, receiver, 4);
  writer.bytes(ephemeral.octets());
  writer.bytes(sealed_nothing);
  writer.bytes(std::array<std::uint8_t, both_macs>{});
  assert(writer.ok() && writer.room() == 0);
}

void write_cookie_reply(SessionIndex receiver, const Nonce24& nonce, base::Bytes sealed_cookie,
                        base::MutableBytes out) {
  base::ByteWriter writer(out);
  write_le(writer, Type::cookie_reply, 4);
  write_le(writer, receiver, 4);
  writer.bytes(nonce);
  writer.bytes(sealed_cookie);
  assert(writer.ok() && writer.room() == 0);
}

void write_data_header(SessionIndex receiver, std::uint64_t counter, base::MutableBytes out) {
  base::ByteWriter writer(out);
  write_le(writer, Type::transport_data, 4);
  write_le(writer, receiver, 4);
  write_le(writer, counter, 8);
  assert(writer.ok());
}

}  // namespace noise
