#include "dnsd/peers/peer.hpp"

namespace dnsd {

bool operator==(const PeerRecord& a, const PeerRecord& b) {
  return a.ipv4 == b.ipv4 && a.ipv6 == b.ipv6 && a.since == b.since && a.stale == b.stale &&
         (a.detail == b.detail || *a.detail == *b.detail);
}

}  // namespace dnsd
