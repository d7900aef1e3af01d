#include "dnsd/serve/query_log.hpp"

#include <fmt/format.h>

#include <utility>

#include "dns/header.hpp"
#include "dns/request.hpp"

namespace dnsd {
namespace {

/// How many seconds of lines are kept while the log hangs and takes none.
constexpr std::size_t seconds_kept = 2;

std::string describe_question(const dns::Request& request) {
  if (request.question.empty()) return "no question";
  return fmt::format("{} {}{}", dns::to_string(request.type), request.name.to_string(),
                     request.rr_class == dns::RrClass::in ? "" : " (not IN)");
}

std::string describe_reply(base::Bytes reply) {
  if (reply.size() < dns::header_octets) return "no reply";
  base::ByteReader header(reply);
  header.skip(2);
  const std::uint16_t flags = header.u16();
  header.skip(2);
  const std::uint16_t answers = header.u16();
  return fmt::format("{}{} {} answers {} octets",
                     dns::to_string(dns::Rcode{static_cast<std::uint16_t>(flags & 0x0fU)}),
                     (flags & dns::flag_truncated) != 0 ? " TC" : "", answers, reply.size());
}

}  // namespace

QueryLog::Sample QueryLog::take() {
  Sample result;
  const auto lines = lines_.lock();
  result.lines = std::exchange(*lines, {});
  result.left_out = left_out_.exchange(0, std::memory_order_relaxed);
  return result;
}

void QueryLog::sample(base::Bytes query, base::Bytes reply, const Listener& listener,
                      const base::IpAddress& client, base::SteadyTime now) {
  const std::uint32_t rate = rate_.load(std::memory_order_relaxed);
  if (take_turn(now, rate)) {
    std::string line = describe_query(query, reply, listener, client);
    const auto lines = lines_.try_lock();
    if (lines && (*lines)->size() < seconds_kept * rate) {
      (*lines)->push_back(std::move(line));
      return;
    }
  }
  left_out_.fetch_add(1, std::memory_order_relaxed);
}

bool QueryLog::take_turn(base::SteadyTime now, std::uint32_t rate) {
  const auto second = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  const std::uint64_t begun = static_cast<std::uint64_t>(second) << 32U;
  std::uint64_t turns = turns_.load(std::memory_order_relaxed);
  for (;;) {
    const bool is_new = (turns >> 32U) != second;
    const std::uint64_t next = (is_new ? begun : turns) + 1;
    if (!is_new && static_cast<std::uint32_t>(turns) >= rate) return false;
    if (turns_.compare_exchange_weak(turns, next, std::memory_order_relaxed)) return true;
  }
}

std::string describe_query(base::Bytes query, base::Bytes reply, const Listener& listener,
                           const base::IpAddress& client) {
  const auto request = dns::parse_request(query);
  return fmt::format("{} {} {} {} {}", client.unmapped().to_string(),
                     listener.transport == dns::Transport::udp ? "udp" : "tcp",
                     to_string(listener.view),
                     request ? describe_question(*request) : "not a query", describe_reply(reply));
}

}  // namespace dnsd
