#include "dnsd/zone/peer_records.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/encoding.hpp"

// The records themselves are in tests/answers/peers.answers.

namespace {

using dns::RrType;
using dnsd::PeerDetail;
using dnsd::PeerRecords;
using dnsd::PeerSnapshot;
using dnsd::View;
using dnsd::VisiblePeer;
using Form = schema::PeerName::Form;

constexpr base::WallTime since{std::chrono::seconds(1700000000)};
constexpr base::WallTime stale{std::chrono::seconds(1700000500)};

base::Endpoint endpoint(const char* text) {
  const auto parsed = base::Endpoint::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

dnsd::ZoneOptions options() {
  dnsd::ZoneOptions result;
  result.apex = *dns::Name::parse("wg.example.org.");
  return result;
}

schema::PeerName name_of(Form form, std::optional<base::IpAddress> address = std::nullopt) {
  base::Octets32 octets;
  octets.fill(1);
  const wg::PublicKey key(octets);
  return {.form = form, .key = key, .label = base::to_base32(octets), .address = address};
}

/// A peer with every detail known.
PeerSnapshot everything() {
  PeerDetail detail;
  detail.name = "alice";
  detail.allowed_ips = {*base::Prefix::parse("10.0.0.1/32")};
  detail.is_hub = true;
  detail.host_target = dnsd::HostTarget{*dns::Name::parse("vpn.example.net."), base::Port{1}};
  detail.mapping = schema::NatMapping{};
  return {.endpoints = {endpoint("192.168.1.5:1000"), endpoint("[2001:db8::7]:1001")},
          .since = since,
          .stale = stale,
          .allowed_ip = {},
          .detail = std::make_shared<const PeerDetail>(std::move(detail))};
}

VisiblePeer show(const PeerRecords& records, const PeerSnapshot& known, View view) {
  VisiblePeer peer;
  records.show(known, view, peer);
  return peer;
}

/// Counts the records that are written.
class Count final : public dns::RecordSink {
 public:
  void add(dns::Section, dns::NameView, RrType type, dns::Ttl, base::Bytes) override {
    types.push_back(type);
  }
  std::vector<RrType> types;
};

using Types = std::vector<RrType>;

Types listed(const PeerRecords& records, const schema::PeerName& name, const VisiblePeer& peer) {
  const dnsd::PeerTypes types = records.types_at(name, peer);
  return {types.begin(), types.end()};
}

}  // namespace

TEST_CASE("the private view is told everything, a public one the global endpoints alone") {
  const PeerRecords records(options());
  const VisiblePeer inside = show(records, everything(), View::private_view);
  CHECK(inside.endpoints.ipv4);
  CHECK(inside.endpoints.ipv6);
  CHECK(inside.since == since);
  CHECK(inside.stale == stale);
  CHECK(inside.allowed_ips.size() == 1);
  CHECK(inside.name == "alice");
  CHECK(inside.is_hub);
  CHECK(inside.mapping);
  CHECK(inside.host_target == nullptr);  // an address is better

  const VisiblePeer outside = show(records, everything(), View::public_view);
  CHECK(!outside.endpoints.ipv4);
  CHECK(outside.endpoints.ipv6);
  CHECK(!outside.since);
  CHECK(!outside.stale);
  CHECK(outside.allowed_ips.empty());
  CHECK(outside.name.empty());
  CHECK(!outside.is_hub);
  CHECK(!outside.mapping);
  CHECK(outside.host_target == nullptr);
}

TEST_CASE("each part that is opened to the public is told there, and no other") {
  const auto show_with = [](bool dnsd::PublicParts::*part) {
    dnsd::ZoneOptions opened = options();
    opened.public_parts.*part = true;
    return show(PeerRecords(opened), everything(), View::public_view);
  };
  const struct {
    const char* what;
    bool dnsd::PublicParts::*part;
    bool times, allowed, mapping, name, needs_snapshot;
  } rows[] = {
      {"since", &dnsd::PublicParts::since, true, false, false, false, true},
      {"allowed", &dnsd::PublicParts::allowed, false, true, false, false, true},
      {"map", &dnsd::PublicParts::map, false, false, true, false, true},
      {"names", &dnsd::PublicParts::names, false, false, false, true, true},
      {"list", &dnsd::PublicParts::list, false, false, false, false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const VisiblePeer peer = show_with(row.part);
    CHECK(peer.since.has_value() == row.times);
    CHECK(peer.stale.has_value() == row.times);
    CHECK(peer.allowed_ips.empty() == !row.allowed);
    CHECK(peer.mapping.has_value() == row.mapping);
    CHECK(peer.name.empty() == !row.name);
    CHECK(!peer.is_hub);
    dnsd::ZoneOptions opened = options();
    opened.public_parts.*row.part = true;
    CHECK(PeerRecords(opened).needs_snapshot(View::public_view) == row.needs_snapshot);
    CHECK(PeerRecords(opened).needs_snapshot(View::private_view));
  }
}

TEST_CASE("of endpoints that a view is not shown it is not told the times either") {
  dnsd::ZoneOptions opened = options();
  opened.public_parts.since = true;
  PeerSnapshot known = everything();
  known.endpoints.ipv6.reset();
  const VisiblePeer peer = show(PeerRecords(opened), known, View::public_view);
  CHECK(!peer.has_endpoint());
  CHECK(!peer.since);
  CHECK(!peer.stale);
  REQUIRE(peer.host_target != nullptr);  // now it replaces the address
  CHECK(peer.host_target->port == base::Port{1});
}

TEST_CASE("endpoints alone are enough while one of them is shown") {
  const PeerRecords records(options());
  VisiblePeer peer;
  CHECK(!records.show_endpoints({endpoint("192.168.1.5:1000"), {}}, View::public_view, peer));
  CHECK(!peer.has_endpoint());
  CHECK(records.show_endpoints({endpoint("192.168.1.5:1000"), endpoint("[2001:db8::7]:1001")},
                               View::public_view, peer));
  CHECK(!peer.endpoints.ipv4);
  CHECK(peer.endpoints.ipv6);
}

TEST_CASE("the types at a peer's name are those for which records are written") {
  const PeerRecords records(options());
  const auto ipv4 = *base::IpAddress::parse("192.168.1.5");
  const auto ipv6 = *base::IpAddress::parse("2001:db8::7");
  const auto other = *base::IpAddress::parse("192.0.2.1");
  PeerSnapshot host_name = everything();
  host_name.endpoints = {};
  const VisiblePeer inside = [&] {
    VisiblePeer peer = show(records, everything(), View::private_view);
    peer.lan = std::make_shared<const schema::LanEndpoints>();
    peer.paths = std::make_shared<const schema::PeerPaths>(1);
    return peer;
  }();
  const struct {
    const char* what;
    VisiblePeer peer;
    schema::PeerName name;
    bool exists;
    Types types;
  } rows[] = {
      {"host", inside, name_of(Form::host), true, {RrType::a, RrType::aaaa}},
      {"protocol", inside, name_of(Form::protocol), true, {}},
      {"service", inside, name_of(Form::service), true, {RrType::srv, RrType::txt}},
      {"instance",
       inside,
       name_of(Form::instance),
       true,
       {RrType::srv, RrType::txt, RrType::a, RrType::aaaa}},
      {"IPv4 address", inside, name_of(Form::address, ipv4), true, {RrType::a}},
      {"IPv6 address", inside, name_of(Form::address, ipv6), true, {RrType::aaaa}},
      {"another address", inside, name_of(Form::address, other), false, {}},
      {"LAN", inside, name_of(Form::lan), true, {RrType::txt}},
      {"ways", inside, name_of(Form::path), true, {RrType::txt}},
      {"reserved", inside, name_of(Form::other), false, {}},
      {"IPv4 address outside",
       show(records, everything(), View::public_view),
       name_of(Form::address, ipv4),
       false,
       {}},
      {"instance outside",
       show(records, everything(), View::public_view),
       name_of(Form::instance),
       true,
       {RrType::srv, RrType::txt, RrType::aaaa}},
      {"LAN outside",
       show(records, everything(), View::public_view),
       name_of(Form::lan),
       false,
       {}},
      {"ways outside",
       show(records, everything(), View::public_view),
       name_of(Form::path),
       false,
       {}},
      {"a host name",
       show(records, host_name, View::public_view),
       name_of(Form::instance),
       true,
       {RrType::srv, RrType::txt}},
      {"nothing known", VisiblePeer{}, name_of(Form::instance), true, {RrType::txt}},
      {"nothing known, host", VisiblePeer{}, name_of(Form::host), true, {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(records.exists(row.name, row.peer) == row.exists);
    if (!row.exists) continue;
    CHECK(listed(records, row.name, row.peer) == row.types);
    for (const RrType type : {RrType::srv, RrType::txt, RrType::a, RrType::aaaa, RrType::ptr,
                              RrType::cname, RrType::ns}) {
      CAPTURE(dns::to_string(type));
      Count sink;
      const bool wrote =
          records.emit(row.name, row.peer, type, {.owner = dns::NameView(), .sink = sink});
      const bool is_listed = std::find(row.types.begin(), row.types.end(), type) != row.types.end();
      CHECK(wrote == is_listed);
      CHECK(sink.types.empty() == !is_listed);
    }
  }
}

TEST_CASE("no peer has a padded name unless the zone has them") {
  schema::PeerName padded = name_of(Form::instance);
  padded.padded = true;
  dnsd::ZoneOptions without = options();
  without.padded_names = false;
  CHECK(PeerRecords(options()).is_possible(padded));
  CHECK(!PeerRecords(without).is_possible(padded));
  CHECK(PeerRecords(without).is_possible(name_of(Form::instance)));
  CHECK(!PeerRecords(options()).is_possible(name_of(Form::other)));
}
