#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "dns/name.hpp"
#include "schema/owner_name.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// Labels below the apex of the deepest names that the server makes: _wireguard._udp.K.
inline constexpr std::size_t deepest_dynamic_name = 3;

/// The names of a zone Z that the server makes and that hold no key: the fixed names of the
/// service, and the aliases of peers that have a label in the configuration. Immutable.
class ZoneNames {
 public:
  /// Label of a configured peer, in any case → its key.
  using PeerLabels = std::map<std::string, wg::PublicKey, std::less<>>;
  /// Label, as a name of one label → key.
  using AliasKeys = std::unordered_map<dns::Name, wg::PublicKey, dns::NameHash, dns::NameEqual>;

  /// \param apex at most schema::max_zone_octets. \param tunnel_label of NAME.tunnel.Z; empty:
  /// there are no such names
  ZoneNames(const dns::Name& apex, const PeerLabels& labels, std::string_view tunnel_label = {});

  [[nodiscard]] const dns::Name& apex() const { return apex_; }
  /// _udp.Z
  [[nodiscard]] const dns::Name& protocol_root() const { return protocol_root_; }
  /// _wireguard._udp.Z
  [[nodiscard]] const dns::Name& service_root() const { return service_root_; }
  /// _dns-sd._udp.Z
  [[nodiscard]] const dns::Name& service_types_root() const { return service_types_root_; }
  /// _services._dns-sd._udp.Z
  [[nodiscard]] const dns::Name& service_types() const { return service_types_; }

  /// tunnel.Z, above the peers' addresses inside the tunnel
  [[nodiscard]] const std::optional<dns::Name>& tunnel_root() const { return tunnel_root_; }
  /// Whether a name is at or below tunnel.Z.
  [[nodiscard]] bool is_tunnel_name(dns::NameView name) const {
    return tunnel_root_ && name.is_at_or_below(*tunnel_root_);
  }

  /// A name with the label of a peer in place of its key.
  struct Alias {
    /// Which of the peer's names it stands for: host, service or instance, by a CNAME. `protocol`:
    /// none, it is an empty non-terminal.
    schema::PeerName::Form form{};
    const wg::PublicKey* key = nullptr;  ///< borrowed from the names
  };
  /// NAME.Z, _udp.NAME.Z, _wireguard._udp.NAME.Z or NAME._wireguard._udp.Z of a labelled peer.
  /// \param name at or below the apex.
  [[nodiscard]] std::optional<Alias> find_alias(dns::NameView name) const;
  /// The name of the peer that the alias stands for. \param alias not of form `protocol`.
  [[nodiscard]] dns::Name target(const Alias& alias) const;
  [[nodiscard]] bool has_label(std::string_view label) const { return find_key(label) != nullptr; }
  /// The key of a labelled peer. \return nullptr: there is none of that label; else borrowed
  [[nodiscard]] const wg::PublicKey* find_key(std::string_view label) const;
  [[nodiscard]] const AliasKeys& alias_keys() const { return alias_keys_; }

 private:
  dns::Name apex_;
  dns::Name protocol_root_;
  dns::Name service_root_;
  dns::Name service_types_root_;
  dns::Name service_types_;
  std::optional<dns::Name> tunnel_root_;
  AliasKeys alias_keys_;
};

}  // namespace dnsd
