#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dnsd/registry/registry.hpp"

namespace registry_test {

using dnsd::Observation;
using dnsd::PeerRecord;
using dnsd::Registry;
using dnsd::SourceId;
using std::chrono::seconds;

inline constexpr SourceId wg0 = 0;
inline constexpr SourceId wg1 = 1;

inline base::Now at(int second) {
  return {base::SteadyTime(seconds(second)), base::WallTime(seconds(100000 + second))};
}
inline wg::PublicKey key_of(std::uint32_t number) {
  base::Octets32 octets{};
  for (std::size_t i = 0; i < 4; ++i) octets[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return wg::PublicKey(octets);
}
inline const wg::PublicKey alice = key_of(1);
inline const wg::PublicKey bob = key_of(2);

inline base::Endpoint endpoint(const std::string& text) {
  return base::Endpoint::parse(text).value();
}
inline std::vector<base::Prefix> prefixes(const char* text) {
  return {base::Prefix::parse(text).value()};
}

// A registry with two interfaces.
class Fixture {
 public:
  const dnsd::PeerTable table;
  Registry registry{table};

  explicit Fixture(std::vector<dnsd::ConfiguredPeer> peers = {}, bool listed_only = false) {
    configure(std::move(peers), listed_only);
  }
  void configure(const std::vector<dnsd::ConfiguredPeer>& peers, bool listed_only = false,
                 std::vector<SourceId> order = {wg0, wg1}) {
    registry.begin_configuration({seconds(180), seconds(86400), listed_only}, order);
    for (const auto& peer : peers) registry.configure(peer);
    registry.end_configuration();
  }
  void see(SourceId source, const wg::PublicKey& key, const std::string& place, int second,
           std::optional<int> since = {}) {
    registry.list(source, key, {});
    registry.observe(source, key,
                     Observation{endpoint(place), at(since.value_or(second)).wall, at(second).wall,
                                 at(second).steady},
                     at(second));
  }
  // `v4 v6 since stale`, with - for a missing value.
  std::string record(const wg::PublicKey& key = alice) {
    const auto record = registry.record(key);
    if (!record) return "unregistered";
    const auto place = [](const auto& e) { return e ? e->to_string() : std::string("-"); };
    const auto time = [](base::WallTime t) {
      return t == base::WallTime{} ? std::string("-") : std::to_string((t - at(0).wall).count());
    };
    return place(record->ipv4) + ' ' + place(record->ipv6) + ' ' + time(record->since) + ' ' +
           time(record->stale.value_or(base::WallTime{}));
  }
};

inline dnsd::ConfiguredPeer configured(const wg::PublicKey& key, const std::string& name,
                                       const std::string& fixed = {}) {
  dnsd::ConfiguredPeer peer;
  peer.public_key = key;
  peer.name = name;
  if (!fixed.empty()) peer.endpoint = endpoint(fixed);
  return peer;
}

}  // namespace registry_test
