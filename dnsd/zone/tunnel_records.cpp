#include "dnsd/zone/tunnel_records.hpp"

#include <algorithm>
#include <utility>

namespace dnsd {
namespace {

std::span<const base::Prefix> blocks_of(const VisiblePeer& peer) {
  return peer.allowed_ip ? std::span(&*peer.allowed_ip, 1) : peer.allowed_ips;
}

bool has_address(const wg::PublicKey& key, const PeerTable& peers, const PeerRecords& records,
                 VisiblePeer& peer) {
  auto snapshot = peers.snapshot(key, PeerTable::hash(key));
  if (!snapshot) return false;
  records.show(*std::move(snapshot), View::private_view, peer);
  const auto blocks = blocks_of(peer);
  return std::any_of(blocks.begin(), blocks.end(),
                     [](const base::Prefix& block) { return block.is_host(); });
}

}  // namespace

TunnelName find_tunnel_name(dns::NameView name, const ZoneNames& names, const PeerTable& peers,
                            const PeerRecords& records, VisiblePeer& peer) {
  if (!names.is_tunnel_name(name)) return TunnelName::none;
  if (name.equals(*names.tunnel_root())) {
    // The first one nearly always has an address.
    const auto& named = names.alias_keys();
    const bool is_above = std::any_of(named.begin(), named.end(), [&](const auto& one) {
      VisiblePeer other;
      return has_address(one.second, peers, records, other);
    });
    return is_above ? TunnelName::root : TunnelName::none;
  }
  if (!name.parent().equals(*names.tunnel_root())) return TunnelName::none;
  const wg::PublicKey* const key = names.find_key(name.first_label_text());
  if (key == nullptr || !has_address(*key, peers, records, peer)) return TunnelName::none;
  return TunnelName::peer;
}

bool emit_tunnel_addresses(const VisiblePeer& peer, dns::RrType type, dns::Ttl ttl,
                           const Emission& to) {
  bool is_any = false;
  for (const base::Prefix& block : blocks_of(peer)) {
    const bool is_asked = type == (block.address().is_ipv4() ? dns::RrType::a : dns::RrType::aaaa);
    if (!block.is_host() || !is_asked) continue;
    to.add(type, ttl, block.address().bytes());
    is_any = true;
  }
  return is_any;
}

}  // namespace dnsd
