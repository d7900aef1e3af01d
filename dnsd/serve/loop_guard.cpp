#include "dnsd/serve/loop_guard.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace dnsd {
namespace {

unsigned scope_of(const sockaddr_storage& storage) {
  if (storage.ss_family != AF_INET6) return 0;
  sockaddr_in6 address{};
  std::memcpy(&address, &storage, sizeof address);
  return address.sin6_scope_id;
}

}  // namespace

LoopGuard::LoopGuard(std::vector<OwnPlace> places) : places_(std::move(places)) {
  for (const OwnPlace& place : places_) {
    if (std::find(ports_.begin(), ports_.end(), place.port) == ports_.end()) {
      ports_.push_back(place.port);
    }
  }
}

bool LoopGuard::rejects(const base::Endpoint& source, const sockaddr_storage& storage) const {
  if (std::find(ports_.begin(), ports_.end(), source.port) == ports_.end()) return false;
  return std::any_of(places_.begin(), places_.end(), [&](const OwnPlace& place) {
    return place.port == source.port && place.addresses.contains(source.address) &&
           (place.scope == 0 || place.scope == scope_of(storage));
  });
}

}  // namespace dnsd
