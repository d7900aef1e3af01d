#include "tests/bench/served_table.hpp"

#include "dns/zone_file.hpp"

namespace bench {

ServedTable::ServedTable(std::uint64_t peers)
    : policy_(dnsd::make_policy({}, std::nullopt, nullptr)),
      zone_(make_zone(peers)),
      responder_(zone_, policy_) {}

void ServedTable::set(std::uint64_t peer, const dnsd::PeerEndpoints& endpoints) {
  const dnsd::PeerChange change{key(peer),
                                dnsd::PeerRecord{endpoints.ipv4, endpoints.ipv6, {}, {}, detail_}};
  table_.apply({&change, 1});
}

void ServedTable::erase(std::uint64_t peer) {
  const dnsd::PeerChange change{key(peer), std::nullopt};
  table_.apply({&change, 1});
}

std::shared_ptr<const dnsd::Zone> ServedTable::make_zone(std::uint64_t peers) {
  for (std::uint64_t i = 0; i < peers; ++i) set(i, {endpoint(i), {}});
  live_.set_ready();
  auto read = dns::parse_zone_text(
      "$TTL 300\n@ SOA ns1 hostmaster 1 1200 300 1209600 1\n@ NS ns1\nns1 A 203.0.113.10\n",
      zone());
  auto made = dnsd::Zone::make({.apex = zone(), .public_parts = {}}, std::move(read->records), {},
                               table_, live_);
  return std::make_shared<const dnsd::Zone>(*std::move(made));
}

}  // namespace bench
