#include "updater/settings/settings.hpp"

namespace updater {

const PeerSettings& Settings::of(const wg::PublicKey& peer) const {
  static const PeerSettings like_all;
  const auto found = peers.find(peer);
  return found == peers.end() ? like_all : found->second;
}

std::string Settings::describe(const wg::PublicKey& peer) const {
  return wg::describe_peer(of(peer).name, peer);
}

}  // namespace updater
