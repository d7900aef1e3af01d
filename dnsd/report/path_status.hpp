#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>

#include "schema/path_text.hpp"
#include "wg/public_key.hpp"

/// What people are shown of the ways that peers tell (`_path.K.Z`). Pure.
namespace dnsd {

/// One peer's word about its way to another one, beside that one's.
struct ToldWay {
  wg::PublicKey key;  ///< of the other
  std::string name;   ///< of the other; empty: none
  schema::Way way{};
  std::optional<std::uint32_t> rtt;          ///< milliseconds; none: not measured
  std::optional<schema::Way> way_back = {};  ///< what the other tells; none: nothing

  /// Both ends tell, and not the same. That may last for the seconds between two messages; after
  /// that one of them is wrong, or each sends on another way.
  [[nodiscard]] bool differs() const { return way_back && *way_back != way; }
};

/// `ways: bob direct 16 ms, carol relay 64 ms (carol: direct)`, of at most `max_ways_shown` others,
/// those first that differ; empty: nothing is told.
[[nodiscard]] std::string ways_text(std::span<const ToldWay> ways);
inline constexpr std::size_t max_ways_shown = 4;
/// A list, of all.
[[nodiscard]] nlohmann::ordered_json ways_json(std::span<const ToldWay> ways);

}  // namespace dnsd
