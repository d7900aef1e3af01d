#include "dnsd/answer/responder.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

using Octets = std::vector<std::uint8_t>;

const base::IpAddress client = *base::IpAddress::parse("203.0.113.99");

struct Option {
  std::uint16_t code;
  Octets data;
};

Octets question(const std::string& name, dns::RrType type, const std::vector<Option>& options,
                bool with_question = true) {
  Octets packet(1024);
  base::ByteWriter writer(packet);
  for (const int word : {0x1234, 0, with_question ? 1 : 0, 0, 0, 1})
    writer.u16(static_cast<std::uint16_t>(word));
  if (with_question) {
    writer.bytes(dns::Name::parse(name)->view().wire());
    writer.u16(static_cast<std::uint16_t>(type));
    writer.u16(1);
  }
  writer.u8(0);
  writer.u16(41);
  writer.u16(1232);
  writer.u32(0);
  std::size_t octets = 0;
  for (const Option& option : options) octets += 4 + option.data.size();
  writer.u16(static_cast<std::uint16_t>(octets));
  for (const Option& option : options) {
    writer.u16(option.code);
    writer.u16(static_cast<std::uint16_t>(option.data.size()));
    writer.bytes(option.data);
  }
  packet.resize(writer.size());
  return packet;
}

/// The data of an option in the OPT record, which is at the end of our replies.
std::optional<Octets> option_of(const Octets& reply, std::uint16_t code) {
  for (std::size_t at = dns::header_octets; at + 11 <= reply.size(); ++at) {
    base::ByteReader reader(base::Bytes(reply).subspan(at));
    if (reader.u8() != 0 || reader.u16() != 41 || reader.u16() != dns::our_udp_octets) continue;
    reader.skip(4);
    if (reader.u16() != reader.remaining()) continue;
    while (reader.remaining() > 0) {
      const std::uint16_t found = reader.u16();
      const base::Bytes data = reader.bytes(reader.u16());
      if (found == code) return Octets(data.begin(), data.end());
    }
  }
  return std::nullopt;
}

unsigned rcode_of(const Octets& reply) {
  // The upper bits of the rcode are in OPT. A reply without records has OPT behind the question.
  unsigned rcode = reply[3] & 0x0fU;
  for (std::size_t at = dns::header_octets; at + 11 <= reply.size(); ++at) {
    base::ByteReader reader(base::Bytes(reply).subspan(at));
    if (reader.u8() == 0 && reader.u16() == 41 && reader.u16() == dns::our_udp_octets)
      return rcode | (reader.u8() * 16U);
  }
  return rcode;
}

bool is_truncated(const Octets& reply) {
  return (reply[2] & 0x02U) != 0;
}
unsigned answers_of(const Octets& reply) {
  return reply[6] * 256U + reply[7];
}

constexpr dnsd::Listener public_udp{dnsd::View::public_view, dns::Transport::udp};
constexpr dnsd::Listener private_udp{
    .view = dnsd::View::private_view, .transport = dns::Transport::udp, .is_rate_limited = false};
constexpr dnsd::Listener exposed_udp{dnsd::View::private_view, dns::Transport::udp};
constexpr dnsd::Listener public_tcp{dnsd::View::public_view, dns::Transport::tcp};
const Octets client_cookie = {1, 2, 3, 4, 5, 6, 7, 8};

}  // namespace

TEST_CASE("RFC 7873 §5.2: a client cookie comes back with ours behind it") {
  const AnswerFixture server;
  const Octets reply =
      server.ask(question("www.wg.example.org", dns::RrType::a, {{10, client_cookie}}), public_udp);
  const auto cookie = option_of(reply, 10);
  REQUIRE(cookie.has_value());
  REQUIRE(cookie->size() == 24);
  CHECK(Octets(cookie->begin(), cookie->begin() + 8) == client_cookie);
  CHECK(answers_of(reply) == 1);
  CHECK_FALSE(
      option_of(server.ask(question("www.wg.example.org", dns::RrType::a, {}), public_udp), 10)
          .has_value());
}

TEST_CASE("RFC 9018 §4.3: a cookie comes back as it is for half an hour, and then a new one") {
  const AnswerFixture server;
  const auto ask_at = [&](std::chrono::seconds passed, const Octets& cookie) {
    dnsd::Asker asker{client, AnswerFixture::now};
    asker.now.wall += passed;
    const Octets asked = question("www.wg.example.org", dns::RrType::a, {{10, cookie}});
    return option_of(server.ask(asked, public_udp, asker), 10);
  };
  const auto first = ask_at(std::chrono::seconds(0), client_cookie);
  REQUIRE(first.has_value());
  CHECK(ask_at(std::chrono::seconds(1800), *first) == first);
  const auto next = ask_at(std::chrono::seconds(1801), *first);
  REQUIRE(next.has_value());
  CHECK(next != first);
  CHECK(ask_at(std::chrono::seconds(3601), *next) == next);
}

TEST_CASE("RFC 7873 §5.4: a request without a question gets its cookie") {
  const AnswerFixture server;
  const Octets reply =
      server.ask(question("", dns::RrType::a, {{10, client_cookie}}, false), public_udp);
  CHECK(rcode_of(reply) == 0);
  CHECK(reply[5] == 0);
  REQUIRE(option_of(reply, 10).has_value());
  CHECK(option_of(reply, 10)->size() == 24);
}

TEST_CASE("RFC 5001, RFC 7828, RFC 8914: what is told to those who ask") {
  AnswerFixture server;
  server.policy.server_id = "host-1";
  server.rebuild();
  const Octets asked = question("www.wg.example.org", dns::RrType::a, {{3, {}}, {11, {}}});
  CHECK(option_of(server.ask(asked, public_udp), 3) == Octets{'h', 'o', 's', 't', '-', '1'});
  CHECK_FALSE(
      option_of(server.ask(asked, public_udp), 11).has_value());  // RFC 7828 §3.2.1: never over UDP
  CHECK(option_of(server.ask(asked, public_tcp), 11) == Octets{0, 100});
  const Octets plain = question("www.wg.example.org", dns::RrType::a, {});
  CHECK_FALSE(option_of(server.ask(plain, public_tcp), 3).has_value());
  CHECK_FALSE(option_of(server.ask(plain, public_tcp), 11).has_value());
  CHECK(option_of(server.ask(question("example.com", dns::RrType::a, {}), public_udp), 15) ==
        Octets{0, 20});
}

TEST_CASE("RFC 8914 §4.4: an endpoint that is stale is called so, to the view that may know") {
  AnswerFixture server;
  constexpr std::uint16_t code = 15;
  const Octets stale{0, 3};
  const auto told = [&](const std::string& name, dns::RrType type, const dnsd::Listener& listener) {
    return option_of(server.ask(question(name, type, {}), listener), code);
  };
  const std::string bob = schema::key_label(AnswerFixture::key(2));  // stale in both families
  const std::string alice = schema::key_label(AnswerFixture::key(1));
  const std::string zone = ".wg.example.org";
  struct Row {
    std::string owner;
    dns::RrType type;
  };
  for (const Row& row :
       {Row{"_wireguard._udp." + bob + zone, dns::RrType::srv},
        Row{bob + "._wireguard._udp" + zone, dns::RrType::srv}, Row{bob + zone, dns::RrType::a},
        Row{"198-51-100-7." + bob + zone, dns::RrType::a},
        Row{"_wireguard._udp.bob" + zone, dns::RrType::srv}}) {
    CAPTURE(row.owner);
    CHECK(told(row.owner, row.type, private_udp) == stale);
    CHECK_FALSE(told(row.owner, row.type, public_udp).has_value());
  }
  CHECK_FALSE(told("_wireguard._udp." + alice + zone, dns::RrType::srv, private_udp).has_value());
  CHECK_FALSE(told("_wireguard._udp." + bob + zone, dns::RrType::txt, private_udp).has_value());
  CHECK_FALSE(told("_wireguard._udp." + bob + zone, dns::RrType::mx, private_udp).has_value());
  server.options.public_parts.since = true;
  server.rebuild();
  CHECK(told("_wireguard._udp." + bob + zone, dns::RrType::srv, public_udp) == stale);

  // A flood that is over its limit gets no octet.
  server.policy.rate_limit = 10;
  server.rebuild();
  const Octets asked = question("_wireguard._udp." + bob + zone, dns::RrType::srv, {});
  for (int i = 0; i < 11; ++i) (void)server.ask(asked, public_udp);
  const Octets slipped = server.ask(asked, public_udp);
  REQUIRE(is_truncated(slipped));
  CHECK_FALSE(option_of(slipped, code).has_value());
}

TEST_CASE("how a NAT maps is told to the view that may know, and opened alone to the public") {
  AnswerFixture server;
  const wg::PublicKey alice = AnswerFixture::key(1);
  dnsd::PeerRecord record = *server.peers.find(alice);
  dnsd::PeerDetail detail = *record.detail;
  detail.mapping = schema::NatMapping::address_dependent;
  record.detail = std::make_shared<const dnsd::PeerDetail>(std::move(detail));
  const dnsd::PeerChange change{alice, std::move(record)};
  server.peers.apply({&change, 1});
  const std::string name = "_wireguard._udp." + schema::key_label(alice) + ".wg.example.org";
  const auto tells = [&](const dnsd::Listener& listener) {
    const Octets reply = server.ask(question(name, dns::RrType::txt, {}), listener);
    return std::string(reply.begin(), reply.end()).find("map=adm") != std::string::npos;
  };
  CHECK(tells(private_udp));
  CHECK_FALSE(tells(public_udp));
  server.options.public_parts.map = true;
  server.rebuild();
  CHECK(tells(public_udp));
}

TEST_CASE("RFC 8945 §5.2.1, §5.3.2: a signed request is told that its key is unknown") {
  const AnswerFixture server;
  const auto ask = [&](const dns::Name& key, const dns::Name& algorithm, bool compressed = false) {
    Octets packet(1024);
    base::ByteWriter writer(packet);
    for (const int word : {0x1234, 0, 1, 0, 0, 1}) writer.u16(static_cast<std::uint16_t>(word));
    writer.bytes(dns::Name::parse("www.wg.example.org")->view().wire());
    writer.u16(1);
    writer.u16(1);
    if (compressed)
      writer.u16(0xc000U + 12);  // the question's name is the key's, too
    else
      writer.bytes(key.view().wire());
    writer.u16(250);
    writer.u16(255);
    writer.u32(0);
    writer.u16(static_cast<std::uint16_t>(algorithm.view().wire().size() + 18));
    writer.bytes(algorithm.view().wire());
    for (const int word : {0, 0x6500, 1, 300, 2, 0xabcd, 0x4321, 0, 0})
      writer.u16(static_cast<std::uint16_t>(word));
    packet.resize(writer.size());
    return server.ask(packet, public_udp);
  };
  const auto key = *dns::Name::parse("www.wg.example.org");
  const auto algorithm = *dns::Name::parse("hmac-sha256");
  Octets expected(1024);
  base::ByteWriter writer(expected);
  writer.bytes(key.view().wire());
  writer.u16(250);
  writer.u16(255);
  writer.u32(0);
  writer.u16(static_cast<std::uint16_t>(algorithm.view().wire().size() + 16));
  writer.bytes(algorithm.view().wire());
  for (const int word : {0, 0x6500, 1, 300, 0, 0x4321, 17, 0})
    writer.u16(static_cast<std::uint16_t>(word));
  expected.resize(writer.size());
  for (const bool compressed : {false, true}) {
    CAPTURE(compressed);
    const Octets reply = ask(key, algorithm, compressed);
    REQUIRE(reply.size() > expected.size());
    CHECK((reply[3] & 0x0fU) == static_cast<unsigned>(dns::Rcode::notauth));
    CHECK((reply[2] & 0x06U) == 0);  // AA, TC
    CHECK(answers_of(reply) == 0);
    CHECK(reply[11] == 1);
    CHECK(Octets(reply.end() - static_cast<std::ptrdiff_t>(expected.size()), reply.end()) ==
          expected);
  }
  // The names are so long that the record does not fit: TC is set, and the client must use TCP.
  const std::string labels = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                             std::string(63, 'c') + "." + std::string(50, 'd');
  const Octets reply = ask(*dns::Name::parse(labels), *dns::Name::parse(labels));
  CHECK((reply[3] & 0x0fU) == static_cast<unsigned>(dns::Rcode::notauth));
  CHECK(is_truncated(reply));
  CHECK(reply.size() <= dns::plain_udp_octets);
  CHECK(reply[11] == 0);
}

TEST_CASE(
    "over the limit: truncated, then silence; a client that cannot be spoofed is not limited") {
  AnswerFixture server;
  server.policy.rate_limit = 10;
  server.policy.rate_limit_exempt = {*base::Prefix::parse("198.51.100.0/24")};
  server.rebuild();
  const Octets asked = question("www.wg.example.org", dns::RrType::a, {});
  const auto from = [](const char* text) {
    return dnsd::Asker{*base::IpAddress::parse(text), AnswerFixture::now};
  };
  for (int i = 0; i < 10; ++i) CHECK(answers_of(server.ask(asked, public_udp)) == 1);
  CHECK(server.ask(asked, public_udp).empty());
  const Octets slipped = server.ask(asked, public_udp);
  REQUIRE_FALSE(slipped.empty());
  CHECK(is_truncated(slipped));
  CHECK(answers_of(slipped) == 0);

  CHECK(answers_of(server.ask(asked, public_tcp)) == 1);
  CHECK(answers_of(server.ask(asked, private_udp)) == 1);
  CHECK(server.ask(asked, exposed_udp).empty());  // the private view, where strangers may ask
  CHECK(answers_of(server.ask(asked, public_udp, from("192.0.2.1"))) == 1);  // another network
  for (int i = 0; i < 20; ++i) {
    CHECK(answers_of(server.ask(asked, public_udp, from("127.0.0.1"))) == 1);
    CHECK(answers_of(server.ask(asked, public_udp, from("::1"))) == 1);
    CHECK(answers_of(server.ask(asked, public_udp, from("198.51.100.7"))) == 1);
  }
  dnsd::Asker later{client, AnswerFixture::now};
  later.now.steady += std::chrono::seconds(1);
  CHECK(answers_of(server.ask(asked, public_udp, later)) == 1);
}

TEST_CASE("a resolver that asks for 500 peers each second is not limited by default") {
  AnswerFixture server;
  server.policy.rate_limit = dnsd::Config().rate_limit;
  server.rebuild();
  std::vector<Octets> questions;
  for (std::uint16_t number = 0; number < 500; ++number) {
    base::Octets32 octets{};
    octets[0] = 0xff;
    octets[1] = static_cast<std::uint8_t>(number >> 8U);
    octets[2] = static_cast<std::uint8_t>(number);
    const wg::PublicKey key(octets);
    const dnsd::PeerChange change{
        key, dnsd::PeerRecord{.ipv4 = base::Endpoint::parse("192.0.2.1:51820"),
                              .ipv6 = {},
                              .stale = {},
                              .detail = std::make_shared<const dnsd::PeerDetail>()}};
    server.peers.apply({&change, 1});
    const std::string owner = schema::key_label(key) + ".wg.example.org";
    // With the names that a resolver walks along (RFC 9156).
    questions.push_back(question("_udp." + owner, dns::RrType::a, {}));
    questions.push_back(question("_wireguard._udp." + owner, dns::RrType::srv, {}));
    questions.push_back(question("192-0-2-1." + owner, dns::RrType::a, {}));
    questions.push_back(question("192-0-2-1." + owner, dns::RrType::aaaa, {}));
  }
  std::size_t whole = 0;
  for (const int second : {0, 1}) {
    dnsd::Asker resolver{*base::IpAddress::parse("203.0.113.99"), AnswerFixture::now};
    resolver.now.steady += std::chrono::seconds(second);
    for (const Octets& asked : questions) {
      const Octets reply = server.ask(asked, public_udp, resolver);
      if (!reply.empty() && !is_truncated(reply)) ++whole;
    }
  }
  CHECK(whole == 2 * questions.size());
}

TEST_CASE("over the limit, with cookies: BADCOOKIE shows the way, a valid one is answered") {
  AnswerFixture server;
  server.policy.rate_limit = 10;
  server.rebuild();
  const Octets asked = question("www.wg.example.org", dns::RrType::a, {{10, client_cookie}});
  for (int i = 0; i < 11; ++i) (void)server.ask(asked, public_udp);
  const Octets refused = server.ask(asked, public_udp);
  REQUIRE_FALSE(refused.empty());
  CHECK(rcode_of(refused) == static_cast<unsigned>(dns::Rcode::badcookie));
  CHECK_FALSE(is_truncated(refused));
  CHECK(answers_of(refused) == 0);
  const auto cookie = option_of(refused, 10);
  REQUIRE(cookie.has_value());
  const Octets proven = question("www.wg.example.org", dns::RrType::a, {{10, *cookie}});
  for (int i = 0; i < 100; ++i) CHECK(answers_of(server.ask(proven, public_udp)) == 1);
  // A cookie of another client proves nothing.
  const dnsd::Asker other{*base::IpAddress::parse("203.0.113.98"), AnswerFixture::now};
  int answered = 0;
  for (int i = 0; i < 10; ++i) {
    const Octets reply = server.ask(proven, public_udp, other);
    if (!reply.empty() && answers_of(reply) == 1) ++answered;
  }
  CHECK(answered == 0);
}

TEST_CASE("random names that do not exist are one flood, errors another") {
  AnswerFixture server;
  server.policy.rate_limit = 10;
  server.rebuild();
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    const auto name = "x" + std::to_string(i) + ".wg.example.org";
    const Octets reply = server.ask(question(name, dns::RrType::a, {}), public_udp);
    if (!reply.empty() && !is_truncated(reply)) ++answered;
  }
  CHECK(answered == 10);
  answered = 0;
  for (int i = 0; i < 50; ++i) {
    const Octets reply = server.ask(
        question("x" + std::to_string(i) + ".example.com", dns::RrType::a, {}), public_udp);
    if (!reply.empty() && !is_truncated(reply)) ++answered;
  }
  CHECK(answered == 10);
  CHECK(answers_of(server.ask(question("www.wg.example.org", dns::RrType::a, {}), public_udp)) ==
        1);
}

TEST_CASE("random names below a wildcard or a delegation are one flood") {
  AnswerFixture server;
  server.policy.rate_limit = 10;
  for (const char* above : {"wild", "wildcname", "child"}) {
    CAPTURE(above);
    server.rebuild();
    int answered = 0;
    for (int i = 0; i < 50; ++i) {
      const auto name = "x" + std::to_string(i) + "." + above + ".wg.example.org";
      const Octets reply = server.ask(question(name, dns::RrType::txt, {}), public_udp);
      if (!reply.empty() && !is_truncated(reply)) ++answered;
    }
    CHECK(answered == 10);
  }
}
