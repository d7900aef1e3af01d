#include "updater/report/seen_ways.hpp"

#include <string_view>

namespace updater {
namespace {

schema::Way to_way(std::string_view path) {
  for (const auto way : {schema::Way::direct, schema::Way::lan, schema::Way::relay}) {
    if (path == to_string(way)) return way;
  }
  return schema::Way::none;
}

/// Whether the zone has the peer, as far as the look-ups say. One that failed says nothing.
bool is_registered(const PeerReport& peer) {
  if (!peer.is_looked_up || peer.lookup_error == LookupError::no_such_name) return false;
  return !peer.lookup_error || is_about_peer(*peer.lookup_error) || !peer.published.empty();
}

}  // namespace

std::vector<SeenWay> find_seen_ways(const Report& report) {
  std::vector<SeenWay> ways;
  for (const PeerReport& peer : report.peers) {
    if (peer.is_hub || peer.state == "ignored" || !is_registered(peer)) continue;
    ways.push_back({peer.key, to_way(peer.path()), peer.round_trip});
  }
  return ways;
}

}  // namespace updater
