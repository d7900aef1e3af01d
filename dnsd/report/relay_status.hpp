#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dnsd/point/observation_point.hpp"
#include "wg/public_key.hpp"

/// What people are told of packets that points pass on. Pure.
namespace dnsd {

/// What was passed on from one peer to another, at all points together.
struct RelayedTo {
  wg::PublicKey key;
  std::string name;  ///< empty: none
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;
};

/// Without the name of the point. \param report none: it passes nothing on
[[nodiscard]] std::string relay_text(const std::optional<RelayReport>& report);
[[nodiscard]] nlohmann::ordered_json relay_json(const std::optional<RelayReport>& report);

/// `relayed 12 packets, 3456 octets to bob (…)`, of at most `max_relayed_shown` others; empty: to
/// nobody.
[[nodiscard]] std::string relayed_text(std::span<const RelayedTo> relayed);
inline constexpr std::size_t max_relayed_shown = 8;
/// A list, of all.
[[nodiscard]] nlohmann::ordered_json relayed_json(std::span<const RelayedTo> relayed);

}  // namespace dnsd
