#include "updater/tunnel/lan.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/bytes.hpp"
#include "dns/query.hpp"
#include "schema/owner_name.hpp"
#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using updater::LanAnnouncer;
using updater::LanCandidate;
using updater::LanView;
using updater::LookupError;

const auto alice = key(0x20);
const auto bob = key(0x50);
const auto zone = name("wg.example.org");

wg::Device device(const std::vector<std::string>& allowed = {"10.77.0.3/32"}) {
  wg::Device made;
  made.name = "wg0";
  made.public_key = alice;
  made.listen_port = base::Port{51820};
  wg::DevicePeer peer;
  peer.public_key = bob;
  for (const std::string& text : allowed) peer.allowed_ips.push_back(prefix(text));
  made.peers = {peer};
  return made;
}

base::InterfaceAddress on(const std::string& text, unsigned length, unsigned index,
                          const std::string& interface = "eth0", bool is_up = true) {
  return {address(text), length, interface, index, is_up};
}

schema::LanEndpoints endpoints(const std::vector<std::string>& texts) {
  schema::LanEndpoints made;
  for (const std::string& text : texts) made.push_back(endpoint(text));
  return made;
}

/// A reply to the question for bob's announcement.
std::vector<std::uint8_t> reply(unsigned flags,
                                const std::vector<std::vector<std::string>>& records,
                                const wg::PublicKey& owner = bob) {
  auto packet = dns::write_query(0x1234, schema::lan_name(bob, zone), dns::RrType::txt, 1232);
  packet.resize(packet.size() - 11);  // without OPT
  packet[2] = static_cast<std::uint8_t>(flags >> 8U);
  packet[3] = static_cast<std::uint8_t>(flags);
  packet[7] = static_cast<std::uint8_t>(records.size());
  packet[11] = 0;
  const auto append = [&](base::Bytes octets) {
    packet.insert(packet.end(), octets.begin(), octets.end());
  };
  for (const auto& texts : records) {
    append(schema::lan_name(owner, zone).view().wire());
    std::size_t size = 0;
    for (const std::string& text : texts) size += 1 + text.size();
    for (const unsigned octet : {0U, 16U, 0U, 1U, 0U, 0U, 0U, 1U}) {
      packet.push_back(static_cast<std::uint8_t>(octet));
    }
    packet.push_back(static_cast<std::uint8_t>(size >> 8U));
    packet.push_back(static_cast<std::uint8_t>(size));
    for (const std::string& text : texts) {
      packet.push_back(static_cast<std::uint8_t>(text.size()));
      append(base::as_bytes(text));
    }
  }
  return packet;
}

}  // namespace

TEST_CASE(
    "own LAN addresses: private first, with the device's port, at most 8, never the tunnel's") {
  const std::vector<base::InterfaceAddress> host = {
      on("127.0.0.1", 8, 1, "lo"),
      on("203.0.113.9", 24, 2),
      on("192.168.1.5", 24, 2),
      on("fe80::1", 64, 2),
      on("2001:db8::5", 64, 2),
      on("fd00::5", 64, 2),
      on("10.77.0.2", 24, 3, "wg0"),
      on("10.77.0.99", 24, 4, "eth1"),
      on("172.16.0.1", 24, 5, "eth2", false),
      on("100.64.0.9", 10, 6, "ppp0"),
  };
  CHECK(updater::find_own_lan_endpoints(device(), host) ==
        endpoints(
            {"192.168.1.5:51820", "[fd00::5]:51820", "203.0.113.9:51820", "[2001:db8::5]:51820"}));
  SUBCASE("inside the allowed-ips of a peer") {
    CHECK(updater::find_own_lan_endpoints(device({"192.168.0.0/16", "::/0"}), host) ==
          endpoints({"[fd00::5]:51820", "203.0.113.9:51820", "[2001:db8::5]:51820"}));
  }
  SUBCASE("the device has no port yet") {
    auto without = device();
    without.listen_port = base::Port{0};
    CHECK(updater::find_own_lan_endpoints(without, host).empty());
  }
  SUBCASE("more than eight") {
    std::vector<base::InterfaceAddress> many;
    for (int i = 1; i <= 20; ++i) many.push_back(on("10.0." + std::to_string(i) + ".1", 24, 2));
    CHECK(updater::find_own_lan_endpoints(device(), many).size() == 8);
  }
}

TEST_CASE("the link of an address: by the prefix of an own address, not the tunnel's, not a /32") {
  const std::vector<base::InterfaceAddress> host = {
      on("10.77.0.2", 24, 3, "wg0"), on("198.51.100.7", 32, 4, "ppp0"), on("192.168.1.5", 24, 2),
      on("192.168.2.5", 24, 5, "eth1", false), on("2001:db8::5", 64, 2)};
  CHECK(updater::find_link(address("192.168.1.9"), "wg0", host) == 2U);
  CHECK(updater::find_link(address("2001:db8::9"), "wg0", host) == 2U);
  CHECK(!updater::find_link(address("10.77.0.3"), "wg0", host));
  CHECK(!updater::find_link(address("198.51.100.7"), "wg0", host));
  CHECK(!updater::find_link(address("192.168.2.9"), "wg0", host));
  CHECK(!updater::find_link(address("192.168.3.9"), "wg0", host));
}

TEST_CASE("LAN endpoints that are refused, and why") {
  const std::vector<base::InterfaceAddress> host = {
      on("10.77.0.2", 24, 3, "wg0"), on("192.168.1.5", 24, 2), on("2001:db8::5", 64, 2)};
  const std::vector<base::IpAddress> hubs = {address("192.168.1.254")};
  const struct {
    const char* what;
    const char* text;
    bool refused;
  } rows[] = {
      {"a neighbour", "192.168.1.9:51820", false},
      {"a private address elsewhere", "10.1.2.3:51820", false},
      {"ULA", "[fd00::9]:51820", false},
      {"a public IPv6 address on the own link", "[2001:db8::9]:51820", false},
      {"a public IPv6 address elsewhere", "[2001:db8:1::9]:51820", true},
      {"a public IPv4 address", "203.0.113.9:51820", true},
      {"loopback", "127.0.0.1:51820", true},
      {"IPv6 loopback", "[::1]:51820", true},
      {"link-local", "169.254.1.1:51820", true},
      {"IPv6 link-local", "[fe80::9]:51820", true},
      {"multicast", "239.0.0.1:51820", true},
      {"carrier-grade NAT", "100.64.0.9:51820", true},
      {"a peer's address in the tunnel", "10.77.0.3:51820", true},
      {"the tunnel's own network", "10.77.0.200:51820", true},
      {"the hub", "192.168.1.254:53", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(updater::refuse_lan_endpoint(endpoint(row.text), device(), host, hubs).has_value() ==
          row.refused);
  }
  CHECK(!updater::refuse_lan_endpoint(endpoint("192.168.1.9:51820"), device({"0.0.0.0/0"}), host,
                                      hubs));
}

TEST_CASE("an answer with a peer's LAN addresses") {
  using Error = LookupError;
  constexpr unsigned fine = 0x8400;
  const auto read = [](const std::vector<std::uint8_t>& packet) {
    return updater::parse_lan_answer(packet, bob, zone);
  };
  const auto good = reply(fine, {{"192.168.1.5:51820", "[fd00::5]:51820"}});
  REQUIRE(read(good));
  CHECK(*read(good) == endpoints({"192.168.1.5:51820", "[fd00::5]:51820"}));
  SUBCASE("cut anywhere") {
    for (std::size_t size = 0; size < good.size(); ++size) {
      CAPTURE(size);
      CHECK(!read({good.begin(), good.begin() + static_cast<long>(size)}));
    }
  }
  SUBCASE("eight are the most, a thousand none") {
    std::vector<std::string> texts;
    for (int i = 1; i <= 8; ++i) texts.push_back("192.168.1." + std::to_string(i) + ":51820");
    REQUIRE(read(reply(fine, {texts})));
    CHECK(read(reply(fine, {texts}))->size() == 8);
    while (texts.size() < 1000) {
      texts.push_back("192.168.1.9:" + std::to_string(texts.size()));
      if (texts.size() != 9 && texts.size() != 1000) continue;
      const auto result = read(reply(fine, {texts}));
      REQUIRE(!result);
      CHECK(result.error() == Error::malformed);
    }
  }
  const struct {
    const char* what;
    std::vector<std::uint8_t> packet;
    Error expected;
  } rows[] = {
      {"two records", reply(fine, {{"192.168.1.5:1"}, {"192.168.1.6:1"}}), Error::malformed},
      {"loopback among them", reply(fine, {{"192.168.1.5:1", "127.0.0.1:1"}}), Error::malformed},
      {"no address", reply(fine, {{"hello"}}), Error::malformed},
      {"another peer's", reply(fine, {{"192.168.1.5:1"}}, alice), Error::foreign},
      {"NXDOMAIN", reply(fine | 3U, {}), Error::no_such_name},
      {"nothing", reply(fine, {}), Error::no_endpoint},
      {"refused", reply(fine | 5U, {}), Error::refused},
      {"SERVFAIL", reply(fine | 2U, {}), Error::server_failure},
      {"truncated", reply(fine | 0x200U, {}), Error::malformed},
      {"a question", reply(0, {}), Error::malformed},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const auto result = read(row.packet);
    REQUIRE(!result);
    CHECK(result.error() == row.expected);
  }
}

TEST_CASE("a peer is asked while one answer is awaited by nobody, once a minute where it is far") {
  LanView view;
  CHECK(view.ask_if_due(at(0).steady, false));
  CHECK(!view.ask_if_due(at(1).steady, true));
  CHECK(view.may_come());
  CHECK(!view.learn({bob, base::Unexpected(LookupError::no_such_name)}));
  CHECK(view.may_come());
  CHECK(!view.ask_if_due(at(59).steady, false));
  CHECK(view.ask_if_due(at(2).steady, true));
  (void)view.learn({bob, base::Unexpected(LookupError::timeout)});
  CHECK(!view.may_come());
  CHECK(view.ask_if_due(at(63).steady, false));
}

TEST_CASE("what a peer told stays until it says otherwise, and is news when it answers") {
  const auto near = LanCandidate{endpoint("192.168.1.9:51820"), true};
  const auto far = LanCandidate{endpoint("10.1.2.3:51820"), false};
  LanView view;
  (void)view.learn({bob, std::vector{far}});
  CHECK(!view.take_news());
  (void)view.learn({bob, std::vector{far, near}});
  CHECK(view.take_news());
  CHECK(!view.take_news());
  (void)view.learn({bob, std::vector{far, near}});
  CHECK(!view.take_news());
  CHECK(view.has_told(near.endpoint));
  (void)view.learn({bob, base::Unexpected(LookupError::timeout)});
  CHECK(view.candidates().size() == 2);
  CHECK(view.learn({bob, base::Unexpected(LookupError::malformed)}));
  CHECK(!view.learn({bob, base::Unexpected(LookupError::malformed)}));
  CHECK(view.candidates().size() == 2);
  (void)view.learn({bob, base::Unexpected(LookupError::no_such_name)});
  CHECK(view.candidates().empty());
}

TEST_CASE("an announcement is renewed before the server forgets, and at once when it changes") {
  std::minstd_rand random(1);
  LanAnnouncer announcer;
  const auto one = endpoints({"192.168.1.5:51820"});
  const auto other = endpoints({"192.168.1.6:51820"});
  CHECK(!announcer.announce_if_due(at(0).steady, {}));
  CHECK(announcer.announce_if_due(at(0).steady, one) == one);
  CHECK(!announcer.announce_if_due(at(1).steady, other));  // a reply is awaited
  announcer.learn(at(1).steady, dns::Rcode::noerror, random);
  CHECK(!announcer.announce_if_due(at(79).steady, one));
  CHECK(announcer.announce_if_due(at(122).steady, one) == one);
  announcer.learn(at(122).steady, dns::Rcode::noerror, random);
  CHECK(announcer.announce_if_due(at(123).steady, other) == other);
  announcer.learn(at(123).steady, dns::Rcode::noerror, random);
  CHECK(!announcer.trouble());
  SUBCASE("no address left: withdrawn, once") {
    CHECK(announcer.announce_if_due(at(124).steady, {}) == schema::LanEndpoints());
    announcer.learn(at(124).steady, dns::Rcode::noerror, random);
    CHECK(!announcer.announce_if_due(at(1000).steady, {}));
  }
  SUBCASE("a failure is repeated, each time later; a change is not held up by it") {
    CHECK(announcer.announce_if_due(at(250).steady, other) == other);
    announcer.learn(at(250).steady, dns::Rcode::refused, random);
    CHECK(announcer.trouble() == "it answers REFUSED");
    CHECK(!announcer.announce_if_due(at(251).steady, other));
    CHECK(announcer.announce_if_due(at(253).steady, other) == other);
    announcer.learn(at(253).steady, base::Unexpected(LookupError::timeout), random);
    CHECK(!announcer.announce_if_due(at(256).steady, other));
    CHECK(announcer.announce_if_due(at(256).steady, one) == one);
    announcer.learn(at(256).steady, dns::Rcode::noerror, random);
    CHECK(!announcer.trouble());
  }
  SUBCASE("another server was told nothing") {
    announcer.forget();
    CHECK(announcer.announce_if_due(at(124).steady, other) == other);
  }
}
