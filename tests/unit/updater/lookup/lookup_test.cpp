#include "updater/lookup/lookup.hpp"

#include <array>
#include <map>
#include <utility>

#include <doctest/doctest.h>

#include "dns/query.hpp"
#include "schema/owner_name.hpp"
#include "schema/relay_text.hpp"
#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using dns::RrType;
using updater::LookupError;
using Endpoints = std::vector<base::Endpoint>;

const char* const zone_text = "wg.example.org.";

dns::ReplyRecord address_record(const dns::Name& owner, std::string_view text,
                                std::uint32_t ttl = 1) {
  const auto value = address(text);
  return {owner, dns::Ttl{ttl}, value, value.is_ipv4() ? RrType::a : RrType::aaaa};
}

dns::ReplyRecord srv_record(const dns::Name& owner, std::uint16_t priority, std::uint16_t port,
                            const dns::Name& target, std::uint32_t ttl = 1) {
  return {owner, dns::Ttl{ttl}, dns::SrvRecord{priority, 0, base::Port{port}, target}, RrType::srv};
}

dns::ReplyRecord alias(const dns::Name& owner, const dns::Name& target) {
  return {owner, dns::Ttl{60}, target, RrType::cname};
}

dns::ReplyRecord txt_record(const dns::Name& owner, std::vector<std::string> strings) {
  return {owner, dns::Ttl{1}, dns::TxtRecord{std::move(strings)}, RrType::txt};
}

/// A resolver with configured answers; everything else is NODATA.
class FakeResolver {
 public:
  dns::Reply& at(const dns::Name& name, RrType type) { return replies_[{name, type}]; }
  void fail(const dns::Name& name, RrType type, LookupError error) {
    errors_.insert_or_assign({name, type}, error);
  }
  [[nodiscard]] updater::LookupResult look_up(const wg::PublicKey& peer, bool with_text = false) {
    const updater::Ask ask = [this](const dns::Name& name,
                                    RrType type) -> base::Expected<dns::Reply, LookupError> {
      ++asked_;
      const auto error = errors_.find({name, type});
      if (error != errors_.end()) return base::Unexpected(error->second);
      return replies_[{name, type}];
    };
    return updater::look_up_peer(ask, peer, name(zone_text), with_text);
  }
  [[nodiscard]] int asked() const { return asked_; }

 private:
  std::map<std::pair<dns::Name, RrType>, dns::Reply> replies_;
  std::map<std::pair<dns::Name, RrType>, LookupError> errors_;
  int asked_ = 0;
};

dns::Name service(const wg::PublicKey& peer) {
  return schema::service_name(peer, name(zone_text));
}
dns::Name named(std::string_view text, const wg::PublicKey& peer) {
  return schema::address_name(address(text), peer, name(zone_text));
}

const auto alice = key(1);
const auto mallory = key(66);

}  // namespace

TEST_CASE("SRV with its addresses is one question") {
  FakeResolver resolver;
  dns::Reply& reply = resolver.at(service(alice), RrType::srv);
  reply.answer = {srv_record(service(alice), 10, 51820, named("203.0.113.10", alice), 5),
                  srv_record(service(alice), 0, 51821, named("2001:db8::1", alice), 3)};
  reply.additional = {address_record(named("2001:db8::1", alice), "2001:db8::1", 2),
                      address_record(named("203.0.113.10", alice), "203.0.113.10", 9)};
  const auto result = resolver.look_up(alice);
  REQUIRE(result.endpoints);
  CHECK(result.endpoints->endpoints ==
        Endpoints{endpoint("[2001:db8::1]:51821"), endpoint("203.0.113.10:51820")});
  CHECK(result.endpoints->ttl == dns::Ttl{2});
  CHECK(resolver.asked() == 1);
  CHECK(!result.text);
}

TEST_CASE("addresses that a resolver dropped are asked for, in the family that the name says") {
  FakeResolver resolver;
  resolver.at(service(alice), RrType::srv).answer = {
      srv_record(service(alice), 10, 51820, named("203.0.113.10", alice))};
  resolver.at(named("203.0.113.10", alice), RrType::a).answer = {
      address_record(named("203.0.113.10", alice), "203.0.113.10")};
  const auto result = resolver.look_up(alice);
  REQUIRE(result.endpoints);
  CHECK(result.endpoints->endpoints == Endpoints{endpoint("203.0.113.10:51820")});
  CHECK(resolver.asked() == 2);
}

TEST_CASE("a host name as target is asked for both families, through its aliases") {
  FakeResolver resolver;
  const auto host = name("vpn.example.net.");
  const auto canonical = name("host.example.net.");
  resolver.at(service(alice), RrType::srv).answer = {srv_record(service(alice), 0, 51820, host)};
  resolver.at(host, RrType::aaaa).answer = {alias(host, canonical),
                                            address_record(canonical, "2001:db8::1")};
  resolver.at(host, RrType::a).answer = {alias(host, canonical),
                                         address_record(canonical, "203.0.113.10")};
  const auto result = resolver.look_up(alice);
  REQUIRE(result.endpoints);
  CHECK(result.endpoints->endpoints ==
        Endpoints{endpoint("[2001:db8::1]:51820"), endpoint("203.0.113.10:51820")});
}

TEST_CASE("aliases that lead in a circle end") {
  FakeResolver resolver;
  const auto host = name("vpn.example.net.");
  resolver.at(service(alice), RrType::srv).answer = {srv_record(service(alice), 0, 51820, host)};
  for (const auto type : {RrType::a, RrType::aaaa})
    resolver.at(host, type).answer = {alias(host, host)};
  CHECK(!resolver.look_up(alice).endpoints);
}

TEST_CASE("a record of another owner is never taken") {
  const auto a = named("203.0.113.10", alice);
  const struct {
    std::string what;
    std::vector<dns::ReplyRecord> answer;
    std::vector<dns::ReplyRecord> additional;
    std::vector<dns::ReplyRecord> address_answer;  ///< the reply to the A question for `a`
  } rows[] = {
      {"SRV of another peer", {srv_record(service(mallory), 0, 51820, a)}, {}, {}},
      {"SRV to another peer's address name",
       {srv_record(service(alice), 0, 51820, named("203.0.113.66", mallory))},
       {address_record(named("203.0.113.66", mallory), "203.0.113.66")},
       {}},
      {"SRV to a peer's own name",
       {srv_record(service(alice), 0, 51820, schema::host_name(mallory, name(zone_text)))},
       {address_record(schema::host_name(mallory, name(zone_text)), "203.0.113.66")},
       {}},
      {"SRV to the root", {srv_record(service(alice), 0, 51820, name("."))}, {}, {}},
      {"additional address of another owner",
       {srv_record(service(alice), 0, 51820, a)},
       {address_record(named("203.0.113.10", mallory), "203.0.113.66")},
       {}},
      {"additional address that is not the one in the name",
       {srv_record(service(alice), 0, 51820, a)},
       {address_record(a, "203.0.113.66")},
       {}},
      {"address answer of another owner",
       {srv_record(service(alice), 0, 51820, a)},
       {},
       {address_record(named("203.0.113.10", mallory), "203.0.113.10")}},
      {"address answer that is not the one in the name",
       {srv_record(service(alice), 0, 51820, a)},
       {},
       {address_record(a, "203.0.113.66")}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    FakeResolver resolver;
    resolver.at(service(alice), RrType::srv).answer = row.answer;
    resolver.at(service(alice), RrType::srv).additional = row.additional;
    resolver.at(a, RrType::a).answer = row.address_answer;
    const auto result = resolver.look_up(alice);
    REQUIRE(!result.endpoints);
    const bool nothing_for_us = row.what == "additional address of another owner";
    CHECK(result.endpoints.error() ==
          (nothing_for_us ? LookupError::no_endpoint : LookupError::foreign));
  }
}

TEST_CASE("each way to fail has its own reason") {
  const struct {
    std::string what;
    dns::Rcode rcode;
    LookupError expected;
  } rows[] = {
      {"NODATA", dns::Rcode::noerror, LookupError::no_endpoint},
      {"NXDOMAIN", dns::Rcode::nxdomain, LookupError::no_such_name},
      {"SERVFAIL", dns::Rcode::servfail, LookupError::server_failure},
      {"REFUSED", dns::Rcode::refused, LookupError::refused},
      {"NOTIMP", dns::Rcode::notimp, LookupError::server_failure},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    FakeResolver resolver;
    resolver.at(service(alice), RrType::srv).rcode = row.rcode;
    const auto result = resolver.look_up(alice);
    REQUIRE(!result.endpoints);
    CHECK(result.endpoints.error() == row.expected);
  }
  for (const auto error :
       {LookupError::timeout, LookupError::unreachable, LookupError::malformed}) {
    FakeResolver resolver;
    resolver.fail(service(alice), RrType::srv, error);
    const auto result = resolver.look_up(alice);
    REQUIRE(!result.endpoints);
    CHECK(result.endpoints.error() == error);
  }
}

TEST_CASE("one family that fails leaves the other") {
  FakeResolver resolver;
  resolver.at(service(alice), RrType::srv).answer = {
      srv_record(service(alice), 0, 51820, named("2001:db8::1", alice)),
      srv_record(service(alice), 10, 51820, named("203.0.113.10", alice))};
  resolver.fail(named("2001:db8::1", alice), RrType::aaaa, LookupError::timeout);
  resolver.at(named("203.0.113.10", alice), RrType::a).answer = {
      address_record(named("203.0.113.10", alice), "203.0.113.10")};
  const auto result = resolver.look_up(alice);
  REQUIRE(result.endpoints);
  CHECK(result.endpoints->endpoints == Endpoints{endpoint("203.0.113.10:51820")});
}

TEST_CASE("a flood of records gives eight endpoints") {
  FakeResolver resolver;
  const auto host = name("vpn.example.net.");
  for (std::uint16_t i = 1; i <= 50; ++i)
    resolver.at(service(alice), RrType::srv)
        .answer.push_back(srv_record(service(alice), i, i, host));
  resolver.at(host, RrType::a).answer = {address_record(host, "203.0.113.10")};
  const auto result = resolver.look_up(alice);
  REQUIRE(result.endpoints);
  CHECK(result.endpoints->endpoints.size() == updater::max_published);
  CHECK(result.endpoints->endpoints.front() == endpoint("203.0.113.10:1"));
}

TEST_CASE("the answer to the TXT question that came by another road is read with the same care") {
  using updater::PublishedText;
  const auto zone = name(zone_text);
  const std::string pub = "pub=" + alice.to_base64();
  const auto make = [&](unsigned flags, const std::vector<std::string>& strings) {
    auto packet = dns::write_query(1, service(alice), RrType::txt, 1232);
    packet.resize(packet.size() - 11);  // without OPT
    packet[2] = static_cast<std::uint8_t>(flags >> 8U);
    packet[3] = static_cast<std::uint8_t>(flags);
    packet[7] = strings.empty() ? 0 : 1;
    packet[11] = 0;
    if (strings.empty()) return packet;
    std::vector<std::uint8_t> data;
    for (const std::string& string : strings) {
      data.push_back(static_cast<std::uint8_t>(string.size()));
      data.insert(data.end(), string.begin(), string.end());
    }
    for (const unsigned octet :
         {0xc0U, 12U, 0U, 16U, 0U, 1U, 0U, 0U, 0U, 1U, 0U, static_cast<unsigned>(data.size())})
      packet.push_back(static_cast<std::uint8_t>(octet));
    packet.insert(packet.end(), data.begin(), data.end());
    return packet;
  };
  const auto read = [&](const std::vector<std::uint8_t>& packet) {
    return updater::parse_text_answer(packet, alice, zone);
  };
  const auto good = make(0x8400, {"txtvers=1", pub, "map=apdm"});
  CHECK((read(good) == PublishedText{false, schema::NatMapping::address_and_port_dependent}));
  CHECK((read(make(0x8400, {"txtvers=1", "pub=" + mallory.to_base64(), "map=apdm"})) ==
         PublishedText{}));
  CHECK((read(make(0x8403, {})) == PublishedText{}));
  CHECK_FALSE(read(make(0x8402, {})));
  CHECK_FALSE(read(make(0x8600, {"txtvers=1", pub, "map=apdm"})));  // truncated
  CHECK_FALSE(updater::parse_text_answer(good, mallory, zone));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read({good.begin(), good.begin() + static_cast<long>(size)}));
  }
}

TEST_CASE("role, NAT and relays are what the peer's own TXT record says") {
  using updater::PublishedText;
  const std::string pub = "pub=" + alice.to_base64();
  const struct {
    std::string what;
    std::vector<std::string> strings;
    dns::Rcode rcode;
    std::optional<PublishedText> expected;
  } rows[] = {
      {"a hub", {"txtvers=1", pub, "role=hub"}, dns::Rcode::noerror, PublishedText{true, {}}},
      {"a peer", {"txtvers=1", pub}, dns::Rcode::noerror, PublishedText{}},
      {"its NAT",
       {"txtvers=1", pub, "map=varies"},
       dns::Rcode::noerror,
       PublishedText{false, schema::NatMapping::varies}},
      {"who passes packets on",
       {"txtvers=1", pub, schema::write_relay_strings(std::array{mallory, alice}).front()},
       dns::Rcode::noerror,
       PublishedText{false, {}, {mallory, alice}}},
      {"its name",
       {"txtvers=1", pub, "name=alice"},
       dns::Rcode::noerror,
       PublishedText{false, {}, {}, "alice"}},
      {"a malformed list",
       {"txtvers=1", pub, "relay=x", "map=apdm"},
       dns::Rcode::noerror,
       PublishedText{}},
      {"another's key",
       {"txtvers=1", "pub=" + mallory.to_base64(), "role=hub", "map=apdm"},
       dns::Rcode::noerror,
       PublishedText{}},
      {"malformed", {"role=hub", "map=apdm"}, dns::Rcode::noerror, PublishedText{}},
      {"not there", {}, dns::Rcode::nxdomain, PublishedText{}},
      {"resolver in trouble", {}, dns::Rcode::servfail, std::nullopt},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    FakeResolver resolver;
    dns::Reply& reply = resolver.at(service(alice), RrType::txt);
    reply.rcode = row.rcode;
    if (!row.strings.empty()) reply.answer = {txt_record(service(alice), row.strings)};
    const auto text = resolver.look_up(alice, true).text;
    CHECK((text == row.expected));
  }
}
