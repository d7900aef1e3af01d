#include "tests/simulation/nat.hpp"

namespace model {
namespace {

/// Life of a UDP mapping that no packet uses. Source: Linux, nf_conntrack_udp_timeout.
constexpr Time mapping_life = 30;

base::Port next(base::Port port) {
  return base::Port{static_cast<std::uint16_t>(base::to_number(port) + 1)};
}

}  // namespace

base::Endpoint Nat::source_for(const base::Endpoint& to, Time now) const {
  const Mapping* known = find(to, now);
  return known != nullptr ? known->outside : outside_;
}

base::Endpoint Nat::send(const base::Endpoint& to, Time now) {
  const base::Endpoint source = source_for(to, now);
  if (kind_ == NatKind::symmetric && find(to, now) == nullptr) outside_.port = next(outside_.port);
  mappings_[to] = {source, now};
  return source;
}

bool Nat::accepts(const base::Endpoint& from, const base::Endpoint& to, Time now) const {
  if (kind_ == NatKind::none) return to == outside_;
  const Mapping* known = find(from, now);
  return known != nullptr && known->outside == to;
}

bool Nat::receive(const base::Endpoint& from, const base::Endpoint& to, Time now) {
  if (!accepts(from, to, now)) return false;
  mappings_[from] = {to, now};
  return true;
}

void Nat::rebind() {
  mappings_.clear();
  if (kind_ == NatKind::cone || kind_ == NatKind::symmetric) outside_.port = next(outside_.port);
}

const Nat::Mapping* Nat::find(const base::Endpoint& to, Time now) const {
  const auto known = mappings_.find(to);
  const bool is_alive = known != mappings_.end() && now - known->second.used <= mapping_life;
  return is_alive ? &known->second : nullptr;
}

}  // namespace model
