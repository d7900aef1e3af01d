#include "dns/keeping.hpp"

#include <algorithm>
#include <vector>

namespace dns {
namespace {

using namespace std::chrono_literals;

/// Caches count in whole seconds: a TTL of 1 s may be kept for almost two.
constexpr auto rounding = 1200ms;
/// Within this time a resolver that answers with the expired record has fetched the new one.
constexpr auto refresh_time = 500ms;
/// Nobody waits for records that may be kept for longer. Those of peers have 1 s.
constexpr std::uint32_t max_ttl = 5;

std::optional<std::uint32_t> ttl_of(const std::vector<ReplyRecord>& records, RrType type) {
  const auto found = std::find_if(records.begin(), records.end(),
                                  [&](const ReplyRecord& one) { return one.type == type; });
  if (found == records.end()) return std::nullopt;
  return found->ttl.seconds;
}

}  // namespace

std::string describe(const KeepingSeen& seen) {
  switch (seen.keeping) {
    case Keeping::right:
      return "keeps endpoints for no longer than " + std::to_string(seen.said) + " s";
    case Keeping::longer:
      return "keeps endpoints for " + std::to_string(seen.kept) + " s or more; the zone says " +
             std::to_string(seen.said) + " s";
    case Keeping::expired_first:
      break;
  }
  return "answers with an expired endpoint first, and with the new one only when asked again";
}

std::string_view remedy_of(Keeping keeping) {
  switch (keeping) {
    case Keeping::right:
      return "";
    case Keeping::longer:
      return "remove its minimum TTL (unbound: cache-min-ttl: 0, dnsmasq: min-cache-ttl, AdGuard "
             "Home: cache_ttl_min: 0, smartdns: rr-ttl-min 1)";
    case Keeping::expired_first:
      break;
  }
  return "let it not serve expired records (unbound: serve-expired: no, AdGuard Home: "
         "cache_optimistic: false, Technitium: Serve Stale, smartdns: serve-expired no)";
}

KeepingProbe::KeepingProbe(Outside& outside, const Name& name, RrType type)
    : outside_(outside),
      name_(name),
      type_(type),
      first_(resolve()),
      asked_(std::chrono::steady_clock::now()) {}

std::optional<std::uint32_t> KeepingProbe::resolve() {
  const auto reply = outside_.resolve(name_, type_);
  return reply ? ttl_of(reply->answer, type_) : std::nullopt;
}

std::optional<KeepingSeen> KeepingProbe::finish(const base::IpAddress& server) {
  const auto ours = outside_.ask(server, Transport::udp, name_, type_);
  const auto said = ours ? ttl_of(ours->answer, type_) : std::nullopt;
  if (!said || !first_) return std::nullopt;
  KeepingSeen seen{Keeping::right, *said, *first_};
  if (seen.kept > seen.said) seen.keeping = Keeping::longer;
  if (seen.said > max_ttl) return seen;
  const auto age =
      std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - asked_);
  outside_.pause(std::max(0ms, std::chrono::seconds(seen.said) + rounding - age));
  const auto second = resolve();
  if (!second || *second <= seen.said) return seen;
  seen.kept = std::max(seen.kept, *second);
  // Both kinds have answered with a TTL that is not the zone's. The one has the new record now.
  outside_.pause(refresh_time);
  const auto third = resolve();
  seen.keeping = third && *third <= seen.said ? Keeping::expired_first : Keeping::longer;
  return seen;
}

}  // namespace dns
