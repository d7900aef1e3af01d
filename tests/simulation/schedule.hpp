#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/world.hpp"

namespace model {

/// The subject of one schedule.
enum class Group : std::uint8_t {
  together,  ///< two cones, started within a second of each other
  later,     ///< two cones, started within two minutes
  traffic,   ///< two cones, traffic or the user's keepalive before the start
  lossy,     ///< two cones, up to a tenth of all packets lost
  open,      ///< a firewall or an open host on at least one side, no symmetric NAT
  roaming,   ///< an open host and a symmetric NAT
  hopeless,  ///< a symmetric NAT and one that it cannot reach
  kinds,     ///< any two kinds of NAT, or one box for both
};
[[nodiscard]] std::string_view to_string(Group group);

/// Everything that is drawn at random for one run. The seed decides the rest of the run, too.
struct Schedule {
  std::uint32_t seed = 0;
  Group group{};
  Conditions conditions;
  std::array<Time, 2> starts{};            ///< when each updater starts
  std::optional<std::size_t> rebinds;      ///< whose NAT forgets its mappings after first contact
  std::optional<std::size_t> readdressed;  ///< whose own addresses change later
  bool loses_source = false;               ///< its source address is gone
};
[[nodiscard]] Schedule make_schedule(std::uint32_t seed);

struct Outcome {
  /// From the later start until packets pass in both directions; nothing: they never did.
  std::optional<Time> contact_after;
  /// The same until the first reply, if the side that begins the session asks as soon as it can.
  std::optional<Time> reply_after;
  bool is_direct = false;              ///< at the first contact
  std::optional<Time> direct_after;    ///< from the first contact until it stays direct
  Time longest_gap = 0;                ///< without any way, in the two minutes after the contact
  std::optional<Time> repaired_after;  ///< from the rebinding, if traffic notices it
  std::optional<Time> heard_after;     ///< from the change of the own address
  std::vector<std::string> writes_to_live_peers;
  std::vector<std::string> log;
};
/// First contact, then two minutes of watching. Then, if the schedule has them, the rebinding and a
/// minute, and the change of an own address and a minute. \param use of the relay, which the host
/// offers
[[nodiscard]] Outcome run(const Schedule& schedule, updater::RelayUse use);

/// Whether the two can have a direct session.
[[nodiscard]] bool may_be_direct(const Schedule& schedule);

}  // namespace model
