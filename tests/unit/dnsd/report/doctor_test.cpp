#include "dnsd/report/doctor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "schema/owner_name.hpp"

namespace {

using dns::Rcode;
using dns::Reply;
using dns::ReplyRecord;
using dns::ResolverError;
using dns::RrType;
using dns::ServerError;
using dns::Transport;
using dnsd::Diagnosis;
using dnsd::DoctorFacts;
using Level = Diagnosis::Level;

dns::Name name(const std::string& text) {
  return *dns::Name::parse(text);
}
base::IpAddress address(const std::string& text) {
  return *base::IpAddress::parse(text);
}

const dns::Name zone = name("wg.example.org");
const dns::Name parent = name("example.org");
const dns::Name own_server = name("ns1.wg.example.org");
const dns::Name parent_server = name("ns.example.org");
const dns::Name service = name("_wireguard._udp.wg.example.org");
const dns::Name own_service = name("_wireguard._udp.own-key.wg.example.org");

ReplyRecord ns(const dns::Name& owner, const dns::Name& server) {
  return {owner, dns::Ttl{300}, server, RrType::ns};
}
ReplyRecord soa(const dns::Name& owner, std::uint32_t serial) {
  return {owner, dns::Ttl{300}, dns::SoaRecord{own_server, serial}, RrType::soa};
}
ReplyRecord at(const dns::Name& owner, const std::string& text) {
  const auto one = address(text);
  return {owner, dns::Ttl{300}, one, one.is_ipv4() ? RrType::a : RrType::aaaa};
}
ReplyRecord srv(const dns::Name& owner, std::uint32_t ttl) {
  return {owner, dns::Ttl{ttl}, dns::SrvRecord{10, 0, base::Port{51820}, own_server}, RrType::srv};
}
ReplyRecord text(const dns::Name& owner, std::uint32_t ttl) {
  return {owner, dns::Ttl{ttl}, dns::TxtRecord{{"txtvers=1"}}, RrType::txt};
}

/// A small Internet in which all is well; each test breaks one thing.
struct World final : dns::Outside {
  std::optional<ResolverError> resolver_error;
  bool has_parent_server = true;
  Reply delegation{.rcode = Rcode::noerror,
                   .authority = {ns(zone, own_server)},
                   .additional = {at(own_server, "203.0.113.10"), at(own_server, "2001:db8::10")}};
  Reply resolved_soa{.rcode = Rcode::noerror, .answer = {soa(zone, 41)}};
  Reply own_soa{.rcode = Rcode::noerror, .authoritative = true, .answer = {soa(zone, 42)}};
  std::map<std::pair<std::string, Transport>, ServerError> broken;
  std::vector<std::uint32_t> kept_ttls = {1};  ///< of each answer of the resolver; the last stays
  std::vector<base::IpAddress> own;            ///< addresses of the host that looks
  bool has_own_key = true;                     ///< the zone has a key of the public host itself
  std::chrono::milliseconds paused{0};
  /// Of the zone's own servers, over TCP.
  std::vector<ReplyRecord> stated = {ns(zone, own_server)};
  std::vector<ReplyRecord> places = {at(own_server, "203.0.113.10"),
                                     at(own_server, "2001:db8::10")};

  std::uint32_t next_ttl() {
    const std::uint32_t ttl = kept_ttls.front();
    if (kept_ttls.size() > 1) kept_ttls.erase(kept_ttls.begin());
    return ttl;
  }
  bool is_own(const base::IpAddress& one) override {
    return std::find(own.begin(), own.end(), one) != own.end();
  }
  void pause(std::chrono::milliseconds duration) override { paused += duration; }

  base::Expected<Reply, ResolverError> resolve(const dns::Name& asked, RrType type) override {
    if (resolver_error) return base::Unexpected(*resolver_error);
    Reply reply{.rcode = Rcode::noerror};
    if (asked == parent && type == RrType::soa) reply.answer = {soa(parent, 7)};
    if (asked == parent && type == RrType::ns) reply.answer = {ns(parent, parent_server)};
    if (asked == parent_server && type == RrType::a) reply.answer = {at(asked, "192.0.2.3")};
    if (asked == zone && type == RrType::soa) return resolved_soa;
    if (asked == service && type == RrType::txt) reply.answer = {text(asked, next_ttl())};
    if (asked == own_service && type == RrType::srv && has_own_key)
      reply.answer = {srv(asked, next_ttl())};
    return reply;
  }

  base::Expected<Reply, ServerError> ask(const base::IpAddress& server, Transport transport,
                                         const dns::Name& asked, RrType type) override {
    const auto fault = broken.find({server.to_string(), transport});
    if (fault != broken.end()) return base::Unexpected(fault->second);
    if (server == address("192.0.2.3")) {
      if (!has_parent_server) return base::Unexpected(ServerError::timeout);
      return delegation;
    }
    if (asked == service && type == RrType::txt) {
      return Reply{.rcode = Rcode::noerror, .authoritative = true, .answer = {text(asked, 1)}};
    }
    if (asked == own_service && type == RrType::srv)
      return Reply{.rcode = Rcode::noerror, .authoritative = true, .answer = {srv(asked, 1)}};
    if (asked == zone && type == RrType::ns)
      return Reply{.rcode = Rcode::noerror, .authoritative = true, .answer = stated};
    if (type == RrType::a || type == RrType::aaaa) {
      Reply reply{.rcode = Rcode::noerror, .authoritative = true};
      for (const ReplyRecord& one : places)
        if (one.owner == asked && one.type == type) reply.answer.push_back(one);
      return reply;
    }
    return own_soa;
  }
};

DoctorFacts healthy_facts() {
  DoctorFacts facts;
  facts.zone = zone;
  facts.serial = 42;
  facts.delegation = "wg.example.org.\t3600\tIN\tNS\tns1.wg.example.org.\n";
  facts.servers = {
      {own_server, {{address("203.0.113.10"), true, true}, {address("2001:db8::10"), true, true}}}};
  facts.probe = own_service.to_string();
  facts.registered = 2;
  facts.heard = 2;
  return facts;
}

bool says(const std::vector<Diagnosis>& diagnoses, Level level, const std::string& check,
          const std::string& part) {
  return std::any_of(diagnoses.begin(), diagnoses.end(), [&](const Diagnosis& one) {
    return one.level == level && one.check == check && one.text.find(part) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("where all is well the doctor finds nothing, and says what it looked at") {
  World world;
  const auto diagnoses = dnsd::examine(zone, healthy_facts(), world);
  CHECK(control::exit_code(diagnoses) == 0);
  std::string checks;
  for (const Diagnosis& one : diagnoses) {
    CHECK(one.level == Level::ok);
    CHECK(one.remedy.empty());
    checks += one.check + " ";
  }
  CHECK(checks == "daemon address private delegation glue answers answers resolver ttl peers ");
  // The record has expired before it is asked for again.
  CHECK(world.paused > std::chrono::seconds(2));
}

TEST_CASE("each fault is found, with its level and a remedy") {
  struct Row {
    const char* name;
    std::function<void(World&, DoctorFacts&)> plant;
    Level level;
    const char* check;
    const char* says;
    int exit;
  };
  const Row rows[] = {
      {"the daemon is degraded",
       [](World&, auto& f) {
         f.state = 1;
         f.problems = {"wg0: no such interface"};
       },
       Level::warning, "daemon", "wg0: no such interface", 1},
      {"the daemon listens nowhere",
       [](World&, auto& f) {
         f.state = 2;
         f.problems = {"not listening on 192.0.2.1:53: held"};
       },
       Level::problem, "daemon", "not listening", 2},
      {"a private listener on a public address",
       [](World&, auto& f) { f.exposed = {"203.0.113.10:5353"}; }, Level::warning, "private",
       "strangers reach the private listener 203.0.113.10:5353", 1},
      {"a private address",
       [](World&, auto& f) { f.servers[0].addresses[0].address = address("10.0.0.5"); },
       Level::problem, "address", "10.0.0.5, the address of ns1.wg.example.org., is private", 2},
      {"no address",
       [](World&, auto& f) { f.advice = {"no public listener has a global address"}; },
       Level::problem, "address", "no public listener", 2},
      {"1:1 NAT", [](World&, auto& f) { f.servers[0].addresses[0].is_on_host = false; },
       Level::note, "address", "right behind 1:1 NAT", 0},
      {"not listened on", [](World&, auto& f) { f.servers[0].addresses[0].is_listened = false; },
       Level::warning, "address", "no public listener on port 53", 1},
      {"no resolver", [](World& w, auto&) { w.resolver_error = ResolverError::timeout; },
       Level::problem, "resolver", "does not answer in time", 2},
      {"missing delegation",
       [](World& w, auto&) {
         w.delegation = {.rcode = Rcode::nxdomain, .authority = {soa(parent, 7)}};
       },
       Level::problem, "delegation", "example.org. does not delegate wg.example.org.", 2},
      {"delegation to another name",
       [](World& w, auto&) {
         w.delegation.authority = {ns(zone, name("ns9.wg.example.org"))};
         w.delegation.additional = {at(name("ns9.wg.example.org"), "203.0.113.10")};
       },
       Level::problem, "delegation", "to ns9.wg.example.org.; the zone itself names ns1", 2},
      {"one name server is missing",
       [](World&, auto& f) {
         f.servers.push_back({name("ns2.wg.example.org"), {}});
       },
       Level::warning, "delegation", "the zone itself names ns1.wg.example.org., ns2", 1},
      {"the parent cannot be asked", [](World& w, auto&) { w.has_parent_server = false; },
       Level::warning, "delegation", "no server of example.org. (ns.example.org.) can be asked", 1},
      {"no glue", [](World& w, auto&) { w.delegation.additional.clear(); }, Level::problem, "glue",
       "without an address", 2},
      {"wrong glue",
       [](World& w, auto&) { w.delegation.additional[0] = at(own_server, "203.0.113.66"); },
       Level::problem, "glue", "is at 203.0.113.66; it is at 203.0.113.10, 2001:db8::10", 2},
      {"half of the glue", [](World& w, auto&) { w.delegation.additional.pop_back(); },
       Level::warning, "glue", "is also at 2001:db8::10", 1},
      {"TCP is blocked",
       [](World& w, auto&) {
         w.broken[{"203.0.113.10", dns::Transport::tcp}] = ServerError::timeout;
       },
       Level::problem, "tcp", "203.0.113.10 over TCP does not answer: nothing comes back", 2},
      {"UDP goes nowhere",
       [](World& w, auto&) {
         w.broken[{"203.0.113.10", dns::Transport::udp}] = ServerError::closed;
       },
       Level::problem, "udp", "203.0.113.10 over UDP does not answer: nobody listens there", 2},
      {"a NAT that keeps the host from its own address",
       [](World& w, auto& f) {
         f.servers[0].addresses[0].is_on_host = false;
         w.broken[{"203.0.113.10", dns::Transport::udp}] = ServerError::timeout;
       },
       Level::warning, "udp", "(a NAT may keep this host", 1},
      {"no IPv6 here",
       [](World& w, auto&) {
         w.broken[{"2001:db8::10", dns::Transport::udp}] = ServerError::unreachable;
         w.broken[{"2001:db8::10", dns::Transport::tcp}] = ServerError::unreachable;
       },
       Level::note, "udp", "no route to it", 0},
      {"another server has the address",
       [](World& w, auto&) { w.own_soa = {.rcode = Rcode::refused}; }, Level::problem, "udp",
       "answers REFUSED, without authority, for wg.example.org.", 2},
      {"a forgotten server of the same zone",
       [](World& w, auto&) { w.own_soa.answer = {soa(zone, 2026112301)}; }, Level::warning, "udp",
       "has serial 2026112301, and wg-dnsd 42", 1},
      {"the resolver remembers a denial",
       [](World& w, auto&) { w.resolved_soa = {.rcode = Rcode::nxdomain}; }, Level::problem,
       "resolver", "finds no wg.example.org.: NXDOMAIN", 2},
      {"a minimum TTL",
       [](World& w, auto&) {
         w.kept_ttls = {60, 58};
       },
       Level::warning, "ttl", "for 60 s or more; the zone says 1 s", 1},
      {"a minimum TTL, and a zone without a key of its own",
       [](World& w, auto&) {
         w.kept_ttls = {60, 58};
         w.has_own_key = false;
       },
       Level::warning, "ttl", "for 60 s or more; the zone says 1 s", 1},
      {"an expired record first",
       [](World& w, auto&) {
         w.kept_ttls = {1, 30, 1};
       },
       Level::warning, "ttl", "answers with an expired endpoint first", 1},
      {"what is asked from this host", [](World& w, auto&) { w.own = {address("203.0.113.10")}; },
       Level::note, "outside", "203.0.113.10: ok from this host; outside not tested", 0},
      {"a peer without a keepalive",
       [](World&, auto& f) {
         f.silent_count = 1;
         f.silent_peers = {{"KEY (alice)", "198.51.100.1:4711", "wg0", 70}};
       },
       Level::warning, "keepalive",
       "KEY (alice) has been silent for 70 s, last heard at 198.51.100.1:4711 by wg0", 1},
      {"very many of them",
       [](World&, auto& f) {
         f.silent_count = 31;
         f.silent_peers = {{"KEY", "198.51.100.1:4711", "wg0", 70}};
       },
       Level::warning, "keepalive", "and 30 other peers", 1},
      {"stale peers", [](World&, auto& f) { f.stale = 1; }, Level::warning, "peers",
       "1 of 2 registered peers are stale: nobody reaches them", 1},
      {"a peer that never came", [](World&, auto& f) { f.never_seen = 1; }, Level::warning, "peers",
       "1 of 2 registered peers were never seen: nobody reaches them", 1},
      {"peers that only a file of peers places", [](World&, auto& f) { f.hinted = 2; }, Level::note,
       "peers", "2 peers are published where a file of peers knew them", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    World world;
    DoctorFacts facts = healthy_facts();
    row.plant(world, facts);
    const auto diagnoses = dnsd::examine(zone, facts, world);
    CAPTURE(control::diagnoses_text(diagnoses));
    CHECK(says(diagnoses, row.level, row.check, row.says));
    CHECK(control::exit_code(diagnoses) == row.exit);
    for (const Diagnosis& one : diagnoses) CHECK(one.remedy.empty() == (one.level == Level::ok));
  }
}

TEST_CASE("without a daemon the parent's word is followed") {
  World world;
  const auto healthy = dnsd::examine(zone, std::nullopt, world);
  CHECK(control::exit_code(healthy) == 0);
  CHECK(says(healthy, Level::note, "daemon", "its peers are not judged"));
  world.delegation.additional = {at(own_server, "203.0.113.66")};
  world.broken[{"203.0.113.66", dns::Transport::tcp}] = ServerError::timeout;
  const auto diagnoses = dnsd::examine(zone, std::nullopt, world);
  CHECK(says(diagnoses, Level::problem, "tcp", "203.0.113.66 over TCP"));
  CHECK(control::exit_code(diagnoses) == 2);
}

TEST_CASE("without a daemon the parent is compared with what the zone's own servers say") {
  struct Row {
    const char* name;
    std::function<void(World&)> plant;
    const char* check;
    const char* says;
    int exit;
  };
  const Row rows[] = {
      {"other names", [](World& w) { w.stated = {ns(zone, name("ns2.wg.example.org"))}; },
       "delegation", "to ns1.wg.example.org.; the zone itself names ns2.wg.example.org.", 2},
      {"wrong glue", [](World& w) { w.delegation.additional[0] = at(own_server, "203.0.113.66"); },
       "glue", "is at 203.0.113.66; it is at 203.0.113.10, 2001:db8::10", 2},
      {"half of the glue", [](World& w) { w.delegation.additional.pop_back(); }, "glue",
       "is also at 2001:db8::10", 1},
      {"a private address", [](World& w) { w.places = {at(own_server, "10.1.2.3")}; }, "address",
       "10.1.2.3, the address of ns1.wg.example.org., is private", 2},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    World world;
    row.plant(world);
    const auto diagnoses = dnsd::examine(zone, std::nullopt, world);
    CAPTURE(control::diagnoses_text(diagnoses));
    CHECK((says(diagnoses, Level::problem, row.check, row.says) ||
           says(diagnoses, Level::warning, row.check, row.says)));
    CHECK(control::exit_code(diagnoses) == row.exit);
  }
}

TEST_CASE("the doctor says what to look at where no peer was ever seen") {
  World world;
  DoctorFacts facts = healthy_facts();
  facts.heard = 0;
  facts.never_seen = 2;
  const std::string shown = control::diagnoses_text(dnsd::examine(zone, facts, world));
  CHECK(shown.find("is the UDP port of WireGuard, or of the point, open") != std::string::npos);
}

TEST_CASE("what the doctor prints is for people and for programs") {
  World world;
  world.kept_ttls = {60};
  const DoctorFacts facts = healthy_facts();
  const auto diagnoses = dnsd::examine(zone, facts, world);
  const std::string shown = control::diagnoses_text(diagnoses);
  CHECK(shown.find("\nwarning  ttl         this host's resolver") != std::string::npos);
  CHECK(shown.find("\n                     remedy: remove its minimum TTL") != std::string::npos);
  const auto json =
      nlohmann::json::parse(control::diagnoses_json(diagnoses, {{"delegation", facts.delegation}}));
  CHECK(json["state"] == "warning");
  CHECK(json["delegation"] == facts.delegation);
  CHECK(json["findings"].size() == diagnoses.size());
  CHECK(json["findings"][0]["level"] == "ok");
}

TEST_CASE("the daemon's facts arrive as they were sent; those of another version are refused") {
  DoctorFacts facts = healthy_facts();
  facts.state = 1;
  facts.problems = {"wg0: gone"};
  facts.advice = {"no address"};
  facts.exposed = {"0.0.0.0:53"};
  facts.probe = "a.b.";
  facts.stale = 1;
  facts.never_seen = 2;
  facts.hinted = 3;
  facts.silent_count = 1;
  facts.silent_peers = {{"KEY", "198.51.100.1:4711", "wg0", 70}};
  const auto read = dnsd::parse_doctor_facts(dnsd::write_doctor_facts(facts));
  REQUIRE(read);
  CHECK(*read == facts);
  for (const char* wrong : {"", "{}", "[]", "{\"zone\":1}", "{\"zone\":\"a.\",\"serial\":\"x\"}"}) {
    CAPTURE(wrong);
    CHECK_FALSE(dnsd::parse_doctor_facts(wrong));
  }
}
