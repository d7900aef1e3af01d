#include "dnsd/registry/nat_report.hpp"

#include <algorithm>
#include <vector>

namespace dnsd {
namespace {

using schema::NatMapping;

/// \param sightings two or more of one family
NatMapping compare(std::span<const PointSighting> sightings) {
  const auto newest =
      std::max_element(sightings.begin(), sightings.end(), [](const auto& a, const auto& b) {
        return a.since < b.since;
      })->since;
  // Whole seconds: what was seen in the second of the change may have been before it.
  const bool all_since = std::all_of(sightings.begin(), sightings.end(), [&](const auto& one) {
    return one.since == newest || one.last_seen > newest;
  });
  if (!all_since) return NatMapping::unknown;
  bool addresses_differ = false;  // of two points that saw the peer
  bool mapping_differs = false;
  bool ports_compared = false;  // two points on one address
  for (std::size_t i = 0; i < sightings.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      const bool same_address = sightings[i].point.address == sightings[k].point.address;
      const bool same_mapping = sightings[i].seen == sightings[k].seen;
      if (same_address && !same_mapping) return NatMapping::address_and_port_dependent;
      ports_compared = ports_compared || same_address;
      addresses_differ = addresses_differ || !same_address;
      mapping_differs = mapping_differs || !same_mapping;
    }
  }
  if (mapping_differs) return ports_compared ? NatMapping::address_dependent : NatMapping::varies;
  // One address alone: another one might have got another mapping.
  return addresses_differ ? NatMapping::endpoint_independent : NatMapping::unknown;
}

}  // namespace

std::optional<NatMapping> compare_mappings(std::span<const PointSighting> sightings) {
  std::vector<PointSighting> by_family[2];
  for (const PointSighting& one : sightings) {
    // A point on all addresses does not say which one was sent to.
    if (!one.point.address.is_unspecified())
      by_family[one.seen.address.is_ipv4() ? 0 : 1].push_back(one);
  }
  const auto& larger = by_family[by_family[1].size() > by_family[0].size() ? 1 : 0];
  if (larger.size() < 2) return std::nullopt;
  return compare(larger);
}

}  // namespace dnsd
