#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "wg/public_key.hpp"

/// key ⇄ owner name: the naming rules of doc/protocol.md §1.1, for both programs. Z is the zone's
/// apex, K the key in base32.
namespace schema {

inline constexpr std::string_view service_label = "_wireguard";
inline constexpr std::string_view protocol_label = "_udp";
inline constexpr std::string_view lan_label = "_lan";
inline constexpr std::string_view path_label = "_path";
inline constexpr std::string_view relay_label = "_relay";

/// The label of a key: base32, lower case.
using KeyLabel = std::array<char, base::base32_length>;

/// A position in the part of the zone that belongs to peers.
struct PeerName {
  enum class Form : std::uint8_t {
    host,      ///< K.Z
    protocol,  ///< _udp.K.Z, an empty non-terminal
    service,   ///< _wireguard._udp.K.Z
    address,   ///< A.K.Z where A is well-formed; it exists only while the peer has that address
    lan,       ///< _lan.K.Z; it exists only while the peer announces addresses of its network
    path,      ///< _path.K.Z; it exists only while the peer tells its ways to others
    instance,  ///< K._wireguard._udp.Z
    other,     ///< any other name below K.Z or K._wireguard._udp.Z: reserved, and never exists.
               ///< _relay.K.Z is one: it takes requests
  };
  Form form{};
  wg::PublicKey key;
  KeyLabel label{};                        ///< of the key, whatever case the name has
  bool padded = false;                     ///< instance (and what is below) spelled with ====
  std::optional<base::IpAddress> address;  ///< form address only
};

/// Which peer's name this is, registered or not. \param name at or below `zone`.
/// \return nullopt: not a name at or below a canonical key label directly under Z or under
/// _wireguard._udp.Z. A padded label directly under Z is not a name of ours, but reserved: form
/// other.
[[nodiscard]] std::optional<PeerName> parse_peer_name(dns::NameView name, dns::NameView zone);

/// The label of a key: 52 characters.
[[nodiscard]] std::string key_label(const wg::PublicKey& key);
/// `203-0-113-10`, or 32 hex digits.
[[nodiscard]] std::string address_label(const base::IpAddress& address);
/// Strict reverse: only what address_label() writes, in either case of the hex digits.
[[nodiscard]] std::optional<base::IpAddress> parse_address_label(std::string_view label);

/// A zone whose peers' names would be longer than 255 octets cannot be served. The longest is that
/// of an IPv6 address: labels of 32 and 52 characters.
inline constexpr std::size_t max_zone_octets =
    dns::max_name_octets - (1 + 32) - (1 + base::base32_length);

/// \param zone at most max_zone_octets. None of these fails for such a zone.
[[nodiscard]] dns::Name host_name(const wg::PublicKey& key, dns::NameView zone);
[[nodiscard]] dns::Name service_name(const wg::PublicKey& key, dns::NameView zone);
[[nodiscard]] dns::Name instance_name(const wg::PublicKey& key, dns::NameView zone);
[[nodiscard]] dns::Name padded_instance_name(const wg::PublicKey& key, dns::NameView zone);
[[nodiscard]] dns::Name address_name(const base::IpAddress& address, const wg::PublicKey& key,
                                     dns::NameView zone);
[[nodiscard]] dns::Name lan_name(const wg::PublicKey& key, dns::NameView zone);
[[nodiscard]] dns::Name path_name(const wg::PublicKey& key, dns::NameView zone);
[[nodiscard]] dns::Name relay_name(const wg::PublicKey& key, dns::NameView zone);
/// What address_name() makes, written in place. \param out with room for dns::max_name_octets.
void write_address_name(const base::IpAddress& address, const KeyLabel& label, dns::NameView zone,
                        base::ByteWriter& out);

/// Whether the configuration may give a peer this name: one LDH label that does not look like a key
/// (52 or 56 characters that decode) and is not reserved. \return what is wrong, or nullopt when it
/// may.
[[nodiscard]] std::optional<std::string> check_peer_label(std::string_view label);

}  // namespace schema
