#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/endpoint.hpp"
#include "tests/simulation/events.hpp"

namespace model {

/// The NAT kinds of the laboratory (tests/e2e/lab/nat.py). A cone: every destination sees the same
/// outside port.
enum class NatKind : std::uint8_t {
  cone,        ///< only answers come in: from an address and port that was sent to
  symmetric,   ///< each destination sees another outside port; only answers come in
  firewall,    ///< no translation; only answers come in
  none,        ///< open
  cone_eif,    ///< endpoint-independent filtering: while anything is sent, all come in
  cone_adf,    ///< address-dependent filtering: from an address that was sent to, any port
  accepting,   ///< a cone whose box takes what nobody asked for: its sender then sees another port
  double_nat,  ///< a cone behind a cone
};
[[nodiscard]] const char* to_string(NatKind kind);
[[nodiscard]] std::optional<NatKind> parse_nat_kind(std::string_view name);

/// Life of a UDP mapping that no packet uses. Source: Linux, nf_conntrack_udp_timeout.
inline constexpr Time mapping_life = 30;

/// One box that translates, filters, or both.
class Box {
 public:
  Box(NatKind kind, const base::Endpoint& outside, Time life)
      : kind_(kind), outside_(outside), life_(life) {}

  /// The source that `to` sees of a packet from `inside`.
  [[nodiscard]] base::Endpoint source_for(const base::Endpoint& inside, const base::Endpoint& to,
                                          Time now) const;
  /// The same, and the packet leaves.
  base::Endpoint send(const base::Endpoint& inside, const base::Endpoint& to, Time now);
  /// Who inside gets a packet for `to`; none: it does not get in.
  [[nodiscard]] std::optional<base::Endpoint> target_of(const base::Endpoint& from,
                                                        const base::Endpoint& to, Time now) const;
  /// The same, and the packet comes.
  std::optional<base::Endpoint> receive(const base::Endpoint& from, const base::Endpoint& to,
                                        Time now);
  void rebind();

 private:
  struct Mapping {
    base::Endpoint outside;
    Time used = 0;
  };
  using Way = std::pair<base::Endpoint, base::Endpoint>;  ///< inside, and the other end

  [[nodiscard]] const Mapping* find(const Way& way, Time now) const;
  [[nodiscard]] base::Endpoint own_port(const base::Endpoint& inside) const;
  [[nodiscard]] bool admits(const base::Endpoint& sent_to, const base::Endpoint& from) const;

  NatKind kind_;
  base::Endpoint outside_;  ///< its port is the next free one
  Time life_;
  std::map<base::Endpoint, base::Endpoint> ports_;  ///< of a cone, by the endpoint inside
  std::map<Way, Mapping> mappings_;
  std::map<Way, Time> occupied_;  ///< of an accepting one: outside endpoint, sender
};

/// The connection of one side to the Internet: its boxes.
class Nat {
 public:
  Nat(NatKind kind, const base::Endpoint& outside, Time life = mapping_life);

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
  NatKind kind_;
  base::Endpoint inside_;
  std::vector<Box> boxes_;  ///< from the inside out
};

}  // namespace model
