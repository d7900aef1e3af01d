#include "tests/unit/dnsd/answer_fixture.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "schema/path_text.hpp"
#include "schema/relay_text.hpp"

namespace {

constexpr base::WallTime since{std::chrono::seconds(1700000000)};

base::Endpoint endpoint(const char* text) {
  return *base::Endpoint::parse(text);
}

}  // namespace

AnswerFixture::AnswerFixture() {
  policy.rate_limit = 0;
  policy.server_version = "wg-dnsd under test";
  options.apex = *dns::Name::parse("wg.example.org.");
  auto read = dns::read_zone_file(SOURCE_DIR "/tests/answers/static.zone", options.apex);
  if (!read) throw std::runtime_error(read.error().to_string());
  statics_ = std::move(read->records);

  dnsd::PeerDetail alice;
  alice.name = "alice";
  alice.allowed_ips = {*base::Prefix::parse("10.0.0.1/32"), *base::Prefix::parse("fd00::1/128")};
  add("alice", 1, {endpoint("203.0.113.10:51820"), {}, since, {}, {}}, alice);
  dnsd::PeerDetail bob;
  bob.name = "bob";
  bob.allowed_ips = {*base::Prefix::parse("10.0.0.2/32")};
  add("bob", 2,
      {endpoint("198.51.100.7:4242"),
       endpoint("[2001:db8::7]:4243"),
       since,
       since + std::chrono::seconds(500),
       {}},
      bob);
  dnsd::PeerDetail carol;
  carol.name = "carol";
  add("carol", 3, {}, carol);
  dnsd::PeerDetail dave;
  dave.host_target = dnsd::HostTarget{*dns::Name::parse("vpn.example.net."), base::Port{51820}};
  add("dave", 4, {}, dave);
  dnsd::PeerDetail erin;
  erin.is_relayed = true;
  add("erin", 5, {endpoint("192.168.1.5:51820"), {}, since, {}, {}}, erin);
  dnsd::PeerDetail frank;
  frank.is_relayed = true;
  frank.host_target = dnsd::HostTarget{*dns::Name::parse("ns1.wg.example.org."), base::Port{1000}};
  add("frank", 6, {}, frank);
  dnsd::PeerDetail hub;
  hub.is_hub = true;
  hub.is_relayed = true;
  add("hub", 7, {}, hub);
  dnsd::PeerDetail grace;
  for (int i = 0; i < 30; ++i) {
    grace.allowed_ips.push_back(*base::Prefix::parse("10.8." + std::to_string(100 + i) + ".0/24"));
  }
  add("grace", 8, {{}, endpoint("[2001:db8::8]:51820"), since, {}, {}}, grace);
  named.push_back({"nobody", key(0xee)});

  fill_live_state();
  live->set_ready();
  rebuild();
}

void AnswerFixture::fill_live_state() {
  live = std::make_unique<dnsd::LiveState>();
  const auto list = [](std::initializer_list<std::uint8_t> fills) {
    auto keys = std::make_shared<dnsd::LiveState::KeyList>();
    for (const std::uint8_t fill : fills) keys->push_back(key(fill));
    return keys;
  };
  live->set_list(dnsd::View::public_view, list({1, 2, 4, 6, 8}));
  live->set_list(dnsd::View::private_view, list({1, 2, 4, 5, 6, 8}));
  live->set_serial(42);
  const std::vector<wg::PublicKey> relays(5, key(7));
  live->set_relays(
      std::make_shared<const dnsd::LiveState::RelayStrings>(schema::write_relay_strings(relays)));
  live->lan.announce(key(8), {endpoint("192.168.1.5:51820"), endpoint("[fd00:1::5]:51820")},
                     now.steady);
  using Kind = schema::PathEdit::Kind;
  const std::array<schema::PathEdit, 2> ways = {
      {{Kind::add, {key(2), schema::Way::direct, 16}}, {Kind::add, {key(3), schema::Way::none}}}};
  live->paths.apply(key(8), ways, 0, now.steady);
}

void AnswerFixture::set_not_ready() {
  fill_live_state();
}

void AnswerFixture::rebuild() {
  auto zone = dnsd::Zone::make(options, statics_, names_, peers, *live);
  if (!zone)
    throw std::runtime_error(std::to_string(zone.error().place.line) + ": " + zone.error().message);
  published_ =
      std::make_unique<dnsd::PublishedZone>(std::make_shared<const dnsd::Zone>(*std::move(zone)));
  policy_ =
      std::make_unique<dnsd::PublishedPolicy>(dnsd::make_policy(policy, std::nullopt, nullptr));
}

std::vector<std::uint8_t> AnswerFixture::ask(base::Bytes query, const dnsd::Listener& listener,
                                             const dnsd::Asker& asker) const {
  std::vector<std::uint8_t> reply(dns::max_message_octets);
  reply.resize(dnsd::Responder(*published_, *policy_).respond(query, listener, asker, reply));
  return reply;
}

wg::PublicKey AnswerFixture::key(std::uint8_t fill) {
  base::Octets32 octets;
  octets.fill(fill);
  return wg::PublicKey(octets);
}

void AnswerFixture::add(const std::string& name, std::uint8_t fill, dnsd::PeerRecord record,
                        dnsd::PeerDetail detail) {
  if (!detail.name.empty()) names_.emplace(detail.name, key(fill));
  record.detail = std::make_shared<const dnsd::PeerDetail>(std::move(detail));
  const dnsd::PeerChange change{key(fill), std::move(record)};
  peers.apply({&change, 1});
  named.push_back({name, key(fill)});
}
