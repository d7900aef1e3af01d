#include "dnsd/state/peer_names.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "dnsd/settings/free_names.hpp"

namespace dnsd {
namespace {

/// A name that the state has for a peer, and that counts.
struct Wanted {
  ConfiguredPeer* peer;
  const KnownName* known;
};

std::vector<Wanted> find_wanted(Config& config, const PeerNames& known) {
  std::vector<Wanted> wanted;
  if (known.empty()) return wanted;
  for (ConfiguredPeer& peer : config.peers) {
    const auto found = known.find(peer.public_key);
    if (found == known.end()) continue;
    if (peer.name.empty() || (found->second.is_given && peer.name_origin != NameOrigin::yaml))
      wanted.push_back({&peer, &found->second});
  }
  return wanted;
}

void give(ConfiguredPeer& peer, const std::string& name, NameOrigin origin, FreeNames& names,
          std::vector<std::string>& warnings) {
  std::string free = names.take_free(name);
  if (free != name)
    warnings.push_back(fmt::format("the name '{}' is taken: {} is '{}'", name,
                                   wg::describe_peer({}, peer.public_key), free));
  peer.name = std::move(free);
  peer.name_origin = origin;
}

/// In order of authority.
void give_names(Config& config, const std::vector<Wanted>& wanted) {
  for (const Wanted& one : wanted) one.peer->name.clear();
  FreeNames names;
  names.take(config.tunnel_label);
  const auto give_configured = [&](NameOrigin origin) {
    for (ConfiguredPeer& peer : config.peers) {
      if (peer.name.empty() || peer.name_origin != origin) continue;
      give(peer, std::string(peer.name), origin, names, config.warnings);
    }
  };
  const auto give_known = [&](bool is_given) {
    const NameOrigin origin = is_given ? NameOrigin::given : NameOrigin::comment;
    for (const auto& [peer, known] : wanted) {
      if (known->is_given == is_given) give(*peer, known->name, origin, names, config.warnings);
    }
  };
  give_configured(NameOrigin::yaml);
  give_known(true);
  give_configured(NameOrigin::added);
  give_configured(NameOrigin::comment);
  give_known(false);
}

}  // namespace

PeerNames restore_names(Config& config, const PeerNames& known) {
  if (const auto wanted = find_wanted(config, known); !wanted.empty()) give_names(config, wanted);
  PeerNames kept;
  if (!config.errors.empty()) kept = known;  // a mistake may hide a peer
  for (const ConfiguredPeer& peer : config.peers) {
    if (peer.name.empty()) continue;
    if (peer.name_origin == NameOrigin::given)
      kept.insert_or_assign(peer.public_key, known.at(peer.public_key));
    else if (peer.name_origin == NameOrigin::comment)
      kept.insert_or_assign(peer.public_key, KnownName{peer.name});
  }
  return kept;
}

}  // namespace dnsd
