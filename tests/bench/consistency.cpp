#include "tests/bench/consistency.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "dns/reply.hpp"
#include "tests/bench/served_table.hpp"

namespace bench {
namespace {

constexpr std::uint64_t peers = 64;
constexpr std::uint64_t others = 5000;
constexpr std::uint64_t numbers = 1U << 24U;

std::uint64_t number_of(const base::IpAddress& address) {
  const base::Bytes low = address.bytes().last(3);
  return (std::uint64_t{low[0]} << 16U) | (std::uint64_t{low[1]} << 8U) | low[2];
}

/// Whether the reply has one SRV record and one address of each family, all made from one number.
bool is_whole(const dns::Reply& reply) {
  if (reply.answer.size() != 2 || reply.additional.size() != 2) return false;
  const auto* first = std::get_if<base::IpAddress>(&reply.additional.front().data);
  if (first == nullptr) return false;
  const std::uint64_t number = number_of(*first);
  return std::all_of(reply.answer.begin(), reply.answer.end(), [&](const dns::ReplyRecord& record) {
    const auto* srv = std::get_if<dns::SrvRecord>(&record.data);
    if (srv == nullptr) return false;
    const auto target = std::find_if(reply.additional.begin(), reply.additional.end(),
                                     [&](const auto& one) { return one.owner == srv->target; });
    if (target == reply.additional.end()) return false;
    const auto* address = std::get_if<base::IpAddress>(&target->data);
    if (address == nullptr) return false;
    const base::Endpoint written = address->is_ipv4() ? endpoint(number) : endpoint_ipv6(number);
    return *address == written.address && srv->port == written.port;
  });
}

/// \return the number of answers that are not whole.
std::uint64_t read(const dnsd::Responder& responder, std::uint64_t answers, std::uint64_t seed) {
  const dnsd::Listener listener{dnsd::View::public_view, dns::Transport::udp};
  const dnsd::Asker asker{*base::IpAddress::parse("127.0.0.1"), base::read_clock()};
  Questions questions(Mix::srv, peers, seed);
  std::vector<std::uint8_t> query(Questions::room);
  std::vector<std::uint8_t> reply(listener.max_udp_octets);
  std::uint64_t mixed = 0;
  for (std::uint64_t i = 0; i < answers; ++i) {
    Expected expected;
    const std::size_t size = questions.write(1, query, expected);
    const std::size_t replied =
        responder.respond(base::Bytes(query).first(size), listener, asker, reply);
    const auto name = dns::parse_name_view(base::Bytes(query).first(size).subspan(12));
    const auto parsed =
        dns::parse_reply(base::Bytes(reply).first(replied), dns::Name(*name), dns::RrType::srv);
    if (!parsed || !is_whole(*parsed)) ++mixed;
  }
  return mixed;
}

}  // namespace

Consistency check_consistency(unsigned readers, std::uint64_t answers) {
  ServedTable table(0);
  Draw draw(99);
  const auto change = [&](std::uint64_t peer) {
    const std::uint64_t number = draw.below(numbers);
    table.set(peer, {endpoint(number), endpoint_ipv6(number)});
  };
  for (std::uint64_t peer = 0; peer < peers; ++peer) change(peer);

  Consistency result{.answers = readers * answers};
  std::atomic<std::uint64_t> mixed{0};
  std::atomic<unsigned> reading{readers};
  std::vector<std::thread> threads;
  for (unsigned reader = 0; reader < readers; ++reader) {
    threads.emplace_back([&, reader] {
      mixed += read(table.responder(), answers, reader);
      --reading;
    });
  }
  while (reading > 0) {
    change(draw.below(peers));
    change(draw.below(peers));
    // Chains split, and freed entries serve other chains.
    const std::uint64_t other = peers + draw.below(others);
    draw.below(2) == 0 ? change(other) : table.erase(other);
    result.changes += 3;
  }
  for (std::thread& thread : threads) thread.join();
  result.mixed = mixed;
  return result;
}

}  // namespace bench
