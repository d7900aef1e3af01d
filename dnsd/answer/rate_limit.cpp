#include "dnsd/answer/rate_limit.hpp"

#include <algorithm>
#include <array>
#include <atomic>

#include "base/hash.hpp"

namespace dnsd {
namespace {

// 1 MiB. Two floods in one bucket share its limit; the hash is keyed, so that nobody can aim at
// another's bucket.
constexpr std::uint32_t bucket_count = std::uint32_t{1} << 17U;
// The networks that one party usually holds as a whole.
constexpr std::size_t ipv4_prefix_octets = 3;
constexpr std::size_t ipv6_prefix_octets = 7;
constexpr std::uint32_t slip = 2;  // every second reply over the limit
// Truncated replies stay within a twentieth of the limit: a flood must not be passed on as a flood
// of small packets. Counting the partial seconds at both ends, half a minute of flood gets 1.1
// times the limit.
constexpr std::uint32_t slip_share = 20;

std::uint32_t bucket_of(const base::IpAddress& client, RateLimiter::Kind kind, dns::NameView name) {
  const base::IpAddress address = client.unmapped();
  std::array<std::uint8_t, 1 + ipv6_prefix_octets + dns::max_name_octets> key;
  base::ByteWriter writer(key);
  writer.u8(static_cast<std::uint8_t>((static_cast<unsigned>(kind) << 1U) |
                                      (address.is_ipv4() ? 1U : 0U)));
  writer.bytes(address.bytes().first(address.is_ipv4() ? ipv4_prefix_octets : ipv6_prefix_octets));
  if (kind != RateLimiter::Kind::error) writer.bytes(name.wire());
  return static_cast<std::uint32_t>(base::keyed_hash_lower(writer.written()) % bucket_count);
}

}  // namespace

RateLimiter::RateLimiter(std::uint32_t limit) : limit_(limit) {
  if (limit != 0) buckets_.grow(bucket_count - 1);
}

RateLimiter::Verdict RateLimiter::judge(const base::IpAddress& client, Kind kind,
                                        dns::NameView name, std::uint32_t second) {
  if (limit_ == 0) return Verdict::answer;
  const std::atomic_ref<std::uint64_t> bucket(buckets_.element(bucket_of(client, kind, name)));
  std::uint64_t before = bucket.load(std::memory_order_relaxed);
  std::uint32_t count = 0;
  do {
    count = before >> 32U == second ? static_cast<std::uint32_t>(before) + 1 : 1;
    if (count == 0) count = UINT32_MAX;
  } while (!bucket.compare_exchange_weak(before, (std::uint64_t{second} << 32U) | count,
                                         std::memory_order_relaxed));
  if (count <= limit_) return Verdict::answer;
  const std::uint32_t over = count - limit_;
  const bool may_slip =
      over % slip == 0 && over / slip <= std::max(limit_ / slip_share, std::uint32_t{1});
  return may_slip ? Verdict::slip : Verdict::drop;
}

}  // namespace dnsd
