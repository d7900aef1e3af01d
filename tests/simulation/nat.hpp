#pragma once

#include <cstdint>
#include <map>

#include "base/endpoint.hpp"
#include "tests/simulation/events.hpp"

namespace model {

/// The NAT kinds of the laboratory (tests/e2e/lab/nat.py).
enum class NatKind : std::uint8_t {
  cone,       ///< every destination sees the same outside port; only answers come in
  symmetric,  ///< each destination sees another outside port; only answers come in
  firewall,   ///< no translation; only answers come in
  none,       ///< open
};

/// The connection of one side to the Internet.
class Nat {
 public:
  Nat(NatKind kind, const base::Endpoint& outside) : kind_(kind), outside_(outside) {}

  [[nodiscard]] NatKind kind() const { return kind_; }
  /// A packet leaves for `to`. \return its source address, as `to` sees it.
  base::Endpoint send(const base::Endpoint& to, Time now);
  /// Whether a packet for `to` gets in. If it does, it keeps its mapping alive.
  bool receive(const base::Endpoint& from, const base::Endpoint& to, Time now);
  /// The result of send(), without any effect.
  [[nodiscard]] base::Endpoint source_for(const base::Endpoint& to, Time now) const;
  [[nodiscard]] bool accepts(const base::Endpoint& from, const base::Endpoint& to, Time now) const;
  /// Forgets every mapping. If the NAT translates, new mappings get another port.
  void rebind();

 private:
  struct Mapping {
    base::Endpoint outside;
    Time used = 0;
  };
  [[nodiscard]] const Mapping* find(const base::Endpoint& to, Time now) const;

  NatKind kind_;
  base::Endpoint outside_;  ///< symmetric: its port is the next free one
  std::map<base::Endpoint, Mapping> mappings_;
};

}  // namespace model
