#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// What the observatory reports about itself. Plain values.
namespace dnsd {

/// For `wg-dnsd status`.
struct SourceStatus {
  std::string name;       ///< wg0
  bool readable = false;  ///< the last poll succeeded
  std::string problem;    ///< why not; empty: readable, or not polled yet
  std::size_t peers = 0;  ///< that it lists, or listed when it was last readable
};
struct ObservatoryStatus {
  std::vector<SourceStatus> sources;  ///< in configuration order
  std::size_t peers = 0;              ///< registered
  std::uint32_t serial = 0;
  std::size_t public_list_cut = 0;   ///< peers that list-max keeps out of the public PTR list
  std::size_t private_list_cut = 0;  ///< and of the private one
  bool durable = false;              ///< state survives a restart
};

}  // namespace dnsd
