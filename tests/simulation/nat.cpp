#include "tests/simulation/nat.hpp"

#include <algorithm>
#include <array>

namespace model {
namespace {

constexpr std::array<const char*, 8> names = {"cone",     "symmetric", "firewall",  "none",
                                              "cone-eif", "cone-adf",  "accepting", "double"};

base::Port next(base::Port port) {
  return base::Port{static_cast<std::uint16_t>(base::to_number(port) + 1)};
}

bool translates(NatKind kind) {
  return kind != NatKind::firewall && kind != NatKind::none;
}

base::Endpoint parse(const char* text) {
  return base::Endpoint::parse(text).value();
}

}  // namespace

const char* to_string(NatKind kind) {
  return names.at(static_cast<std::size_t>(kind));
}

std::optional<NatKind> parse_nat_kind(std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<NatKind>(found - names.begin());
}

// One box

base::Endpoint Box::source_for(const base::Endpoint& inside, const base::Endpoint& to,
                               Time now) const {
  if (!translates(kind_)) return inside;
  if (const Mapping* known = find({inside, to}, now)) return known->outside;
  const base::Endpoint own = own_port(inside);
  // What nobody asked for has taken this port towards its sender.
  const auto occupied = occupied_.find({own, to});
  const bool is_taken = occupied != occupied_.end() && now - occupied->second <= life_;
  if (!is_taken) return own;
  return {own.address, own == outside_ ? next(outside_.port) : outside_.port};
}

base::Endpoint Box::send(const base::Endpoint& inside, const base::Endpoint& to, Time now) {
  const base::Endpoint source = source_for(inside, to, now);
  if (translates(kind_)) {
    if (kind_ != NatKind::symmetric) ports_.try_emplace(inside, own_port(inside));
    if (source.port >= outside_.port) outside_.port = next(source.port);
  }
  mappings_[{inside, to}] = {source, now};
  return source;
}

/// Symmetric: the next one; otherwise the one that every destination sees.
base::Endpoint Box::own_port(const base::Endpoint& inside) const {
  const auto known = ports_.find(inside);
  return known == ports_.end() ? outside_ : known->second;
}

std::optional<base::Endpoint> Box::target_of(const base::Endpoint& from, const base::Endpoint& to,
                                             Time now) const {
  if (kind_ == NatKind::none) return to == outside_ ? std::optional(to) : std::nullopt;
  for (const auto& [way, mapping] : mappings_) {
    if (mapping.outside == to && now - mapping.used <= life_ && admits(way.second, from))
      return way.first;
  }
  return std::nullopt;
}

std::optional<base::Endpoint> Box::receive(const base::Endpoint& from, const base::Endpoint& to,
                                           Time now) {
  const auto target = target_of(from, to, now);
  if (target) {
    mappings_[{*target, from}] = {to, now};
  } else if (kind_ == NatKind::accepting && to.address == outside_.address) {
    occupied_[{to, from}] = now;
  }
  return target;
}

void Box::rebind() {
  mappings_.clear();
  occupied_.clear();
  ports_.clear();
}

const Box::Mapping* Box::find(const Way& way, Time now) const {
  const auto known = mappings_.find(way);
  const bool is_alive = known != mappings_.end() && now - known->second.used <= life_;
  return is_alive ? &known->second : nullptr;
}

/// Whether a mapping that was made by sending to `sent_to` lets a packet from `from` in.
bool Box::admits(const base::Endpoint& sent_to, const base::Endpoint& from) const {
  switch (kind_) {
    case NatKind::cone_eif:
      return true;
    case NatKind::cone_adf:
      return sent_to.address == from.address;
    default:
      return sent_to == from;
  }
}

// All boxes of one side

Nat::Nat(NatKind kind, const base::Endpoint& outside, Time life)
    : kind_(kind), inside_(translates(kind) ? parse("192.168.1.5:51820") : outside) {
  if (kind == NatKind::double_nat) {
    boxes_.emplace_back(NatKind::cone, parse("100.64.0.7:40001"), life);
    boxes_.emplace_back(NatKind::cone, outside, life);
  } else {
    boxes_.emplace_back(kind, outside, life);
  }
}

base::Endpoint Nat::source_for(const base::Endpoint& to, Time now) const {
  base::Endpoint source = inside_;
  for (const Box& box : boxes_) source = box.source_for(source, to, now);
  return source;
}

base::Endpoint Nat::send(const base::Endpoint& to, Time now) {
  base::Endpoint source = inside_;
  for (Box& box : boxes_) source = box.send(source, to, now);
  return source;
}

bool Nat::accepts(const base::Endpoint& from, const base::Endpoint& to, Time now) const {
  std::optional<base::Endpoint> target = to;
  for (auto box = boxes_.rbegin(); box != boxes_.rend() && target; ++box)
    target = box->target_of(from, *target, now);
  return target == inside_;
}

bool Nat::receive(const base::Endpoint& from, const base::Endpoint& to, Time now) {
  std::optional<base::Endpoint> target = to;
  for (auto box = boxes_.rbegin(); box != boxes_.rend() && target; ++box)
    target = box->receive(from, *target, now);
  return target == inside_;
}

void Nat::rebind() {
  for (Box& box : boxes_) box.rebind();
}

}  // namespace model
