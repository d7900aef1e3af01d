#include "dnsd/serve/query_log.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

using Octets = std::vector<std::uint8_t>;

constexpr dnsd::Listener public_udp{dnsd::View::public_view, dns::Transport::udp};
constexpr dnsd::Listener private_tcp{dnsd::View::private_view, dns::Transport::tcp};
const base::IpAddress client = *base::IpAddress::parse("::ffff:203.0.113.99");

Octets question(const dns::Name& name, dns::RrType type, std::uint16_t rr_class = 1) {
  Octets packet(512);
  base::ByteWriter writer(packet);
  for (const std::uint16_t word : std::to_array<std::uint16_t>({7, 0, 1, 0, 0, 0}))
    writer.u16(word);
  writer.bytes(name.view().wire());
  writer.u16(static_cast<std::uint16_t>(type));
  writer.u16(rr_class);
  packet.resize(writer.size());
  return packet;
}

base::SteadyTime at(int milliseconds) {
  return base::SteadyTime(std::chrono::milliseconds(milliseconds));
}

}  // namespace

TEST_CASE("a line says who asked, how, for what, and what came back") {
  const AnswerFixture server;
  const auto line = [&](const Octets& query, const dnsd::Listener& listener) {
    return dnsd::describe_query(query, server.ask(query, listener), listener, client);
  };
  CHECK(line(question(*dns::Name::parse("www.wg.example.org."), dns::RrType::a), public_udp) ==
        "203.0.113.99 udp public A www.wg.example.org. NOERROR 1 answers 52 octets");
  CHECK(line(question(*dns::Name::parse("none.example.com."), dns::RrType::txt), private_tcp) ==
        "203.0.113.99 tcp private TXT none.example.com. REFUSED 0 answers 34 octets");
  CHECK(line(question(*dns::Name::parse("a."), dns::RrType::a, 4), public_udp) ==
        "203.0.113.99 udp public A a. (not IN) REFUSED 0 answers 19 octets");
  CHECK(line({1, 2, 3}, public_udp) == "203.0.113.99 udp public not a query no reply");
  Octets cut = question(*dns::Name::parse("a."), dns::RrType::a);
  cut.pop_back();
  CHECK(line(cut, public_udp).find("no question FORMERR") != std::string::npos);
}

TEST_CASE("a hostile name cannot write lines of its own") {
  const AnswerFixture server;
  dns::Name hostile = *dns::Name::parse("wg.example.org.");
  REQUIRE(hostile.prepend("a\n2026-11-23 wg-dnsd error: forged\x1b[2J\xff" + std::string(1, 0)));
  const Octets query = question(hostile, dns::RrType::a);
  const std::string line =
      dnsd::describe_query(query, server.ask(query, public_udp), public_udp, client);
  CAPTURE(line);
  for (const char c : line) {
    const auto octet = static_cast<unsigned char>(c);
    CHECK((octet >= 0x20 && octet < 0x7f));
  }
}

TEST_CASE("at most N lines per second; the rest is counted") {
  dnsd::QueryLog log;
  const Octets query = question(*dns::Name::parse("a."), dns::RrType::a);
  log.note(query, {}, public_udp, client, at(0));
  CHECK(log.take().lines.empty());  // off
  CHECK(log.take().left_out == 0);
  log.set_rate(3);
  for (int i = 0; i < 10; ++i) log.note(query, {}, public_udp, client, at(5000 + i * 99));
  auto sample = log.take();
  CHECK(sample.lines.size() == 3);
  CHECK(sample.left_out == 7);
  sample = log.take();
  CHECK(sample.lines.empty());
  CHECK(sample.left_out == 0);
  // The log is not read: what is kept does not grow.
  for (int second = 6; second < 100; ++second) {
    for (int i = 0; i < 5; ++i) log.note(query, {}, public_udp, client, at(second * 1000));
  }
  sample = log.take();
  CHECK(sample.lines.size() == 6);
  CHECK(sample.lines.size() + sample.left_out == 94 * 5);
  log.set_rate(0);
  log.note(query, {}, public_udp, client, at(200000));
  CHECK(log.take().left_out == 0);
}

TEST_CASE("threads that note at the same time lose no query and exceed no limit") {
  dnsd::QueryLog log;
  log.set_rate(100);
  const Octets query = question(*dns::Name::parse("a."), dns::RrType::a);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) log.note(query, {}, public_udp, client, at(7000));
    });
  }
  std::size_t lines = 0;
  std::uint64_t left_out = 0;
  const auto gather = [&] {
    const auto sample = log.take();
    lines += sample.lines.size();
    left_out += sample.left_out;
  };
  for (int i = 0; i < 100; ++i) gather();
  for (std::thread& thread : threads) thread.join();
  gather();
  CHECK(lines <= 100);
  CHECK(lines + left_out == 8000);
}
