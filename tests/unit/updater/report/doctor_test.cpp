#include "updater/report/doctor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "schema/owner_name.hpp"
#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using control::Diagnosis;
using dns::Rcode;
using dns::Reply;
using dns::ReplyRecord;
using dns::ResolverError;
using dns::RrType;
using dns::ServerError;
using updater::DoctorFacts;
using Level = Diagnosis::Level;

const auto own_key = key(0x20);
const auto bob = key(0x50);
const auto hub = key(0x01);
const dns::Name zone = name("wg.example.org");
const dns::Name probe = name("_wireguard._udp.wg.example.org");
const dns::Name server = name("ns1.wg.example.org");
const std::string seen = "203.0.113.1";
using Unreached = std::map<wg::PublicKey, std::string>;

ReplyRecord text(const dns::Name& owner, std::vector<std::string> strings, std::uint32_t ttl = 1) {
  return {owner, dns::Ttl{ttl}, dns::TxtRecord{std::move(strings)}, RrType::txt};
}

dns::Name address_name(const wg::PublicKey& peer, const base::IpAddress& place) {
  return schema::address_name(place, peer, zone);
}

/// Everything is well; each test breaks one thing.
struct World final : dns::Outside {
  std::optional<ResolverError> resolver_error;
  std::optional<ResolverError> zone_error;
  Rcode zone_rcode = Rcode::noerror;
  std::optional<ServerError> server_error;
  bool authoritative = true;
  std::uint32_t kept_ttl = 1;
  bool is_expired_first = false;  ///< the resolver answers with an expired record after a pause
  std::string since;
  std::string map;
  std::map<wg::PublicKey, std::string> roles;  ///< of texts that the resolver gives
  /// Of texts in the tunnel: hub, empty for another peer, or public for what the public view says.
  std::map<wg::PublicKey, std::string> private_roles;
  std::map<wg::PublicKey, std::string> private_names;  ///< of texts in the tunnel
  std::map<wg::PublicKey, Rcode> rcodes;               ///< for peers that are not found
  std::map<wg::PublicKey, std::string> places = {{own_key, seen}, {bob, "203.0.113.2"}};
  std::optional<std::string> hidden;  ///< an address that the resolver hides

  [[nodiscard]] Reply answer(const dns::Name& asked, RrType type, bool is_resolver) const {
    Reply reply{.rcode = Rcode::noerror};
    if (asked == probe && type == RrType::txt)
      reply.answer = {text(asked, {"txtvers=1"}, is_resolver ? kept_ttl : 1)};
    if (asked == zone && type == RrType::ns)
      reply.answer = {{asked, dns::Ttl{300}, server, RrType::ns}};
    if (asked == server && type == RrType::a)
      reply.answer = {{asked, dns::Ttl{300}, address("198.51.100.1"), RrType::a}};
    for (const auto& [peer, place] : places) {
      const auto rcode = rcodes.find(peer);
      const dns::Name service = schema::service_name(peer, zone);
      if (asked == service && rcode != rcodes.end()) {
        reply.rcode = rcode->second;
        continue;
      }
      const auto where = address(place);
      const dns::Name target = address_name(peer, where);
      const bool is_instance = asked == schema::instance_name(peer, zone);
      if ((asked == service || is_instance) && type == RrType::srv)
        reply.answer = {{asked, dns::Ttl{is_resolver ? kept_ttl : 1},
                         dns::SrvRecord{10, 0, base::Port{51820}, target}, RrType::srv}};
      if (asked == service && type == RrType::txt) {
        std::vector<std::string> strings = {"txtvers=1", "pub=" + peer.to_base64()};
        const auto role = roles.find(peer);
        if (is_resolver && role != roles.end()) strings.push_back("role=" + role->second);
        if (!map.empty()) strings.push_back("map=" + map);
        if (!since.empty()) strings.push_back("since=" + since);
        reply.answer = {text(asked, strings)};
      }
      if (asked == target && type == RrType::a && !(is_resolver && hidden == place))
        reply.answer = {{asked, dns::Ttl{1}, where, RrType::a}};
    }
    return reply;
  }

  bool is_own(const base::IpAddress& /*address*/) override { return false; }
  void pause(std::chrono::milliseconds /*duration*/) override {
    if (is_expired_first) kept_ttl = kept_ttl == 1 ? 30 : 1;
  }

  [[nodiscard]] base::Expected<Reply, ServerError> answer_privately(const dns::Name& asked) const {
    if (private_roles.empty()) return base::Unexpected(ServerError::timeout);
    for (const auto& [peer, role] : private_roles) {
      if (asked != schema::service_name(peer, zone)) continue;
      std::vector<std::string> strings = {"txtvers=1", "pub=" + peer.to_base64()};
      if (role.empty()) strings.push_back("allowed=10.77.0.9/32");
      if (role == "hub") strings.push_back("role=hub");
      const auto called = private_names.find(peer);
      if (called != private_names.end()) strings.push_back("name=" + called->second);
      Reply reply{.rcode = Rcode::noerror};
      reply.answer = {text(asked, strings)};
      return reply;
    }
    return Reply{.rcode = Rcode::nxdomain};
  }

  base::Expected<Reply, ResolverError> resolve(const dns::Name& asked, RrType type) override {
    if (resolver_error) return base::Unexpected(*resolver_error);
    if (asked.view().is_root()) return Reply{.rcode = Rcode::noerror};
    if (zone_error) return base::Unexpected(*zone_error);
    if (zone_rcode != Rcode::noerror) return Reply{.rcode = zone_rcode};
    return answer(asked, type, true);
  }
  base::Expected<Reply, ServerError> ask(const base::IpAddress& asked_server,
                                         dns::Transport /*transport*/, const dns::Name& asked,
                                         RrType type) override {
    if (asked_server == address("10.77.0.1")) return answer_privately(asked);
    if (server_error) return base::Unexpected(*server_error);
    Reply reply = answer(asked, type, false);
    reply.authoritative = authoritative;
    return reply;
  }
};

DoctorFacts healthy_facts() {
  DoctorFacts facts;
  facts.daemon.zone = zone;
  facts.daemon.hubs = {hub};
  facts.daemon.unreached.emplace();
  facts.now = at(0).wall;
  facts.saved = at(-60).wall;
  facts.device.name = "wg0";
  facts.device.public_key = own_key;
  facts.device.listen_port = base::Port{51820};
  facts.host = {own("192.168.1.5"), own("10.77.0.2", "wg0")};
  wg::DevicePeer host;
  host.public_key = hub;
  host.endpoint = endpoint("198.51.100.1:51820");
  host.latest_handshake = handshake_at(-30);
  host.persistent_keepalive = 25s;
  host.allowed_ips = {prefix("10.77.0.1/32")};
  wg::DevicePeer peer;
  peer.public_key = bob;
  peer.allowed_ips = {prefix("10.77.0.3/32")};
  facts.device.peers = {host, peer};
  return facts;
}

bool says(const std::vector<Diagnosis>& found, Level level, std::string_view check,
          std::string_view words) {
  return std::any_of(found.begin(), found.end(), [&](const Diagnosis& one) {
    return one.level == level && one.check == check && one.text.find(words) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("where all is well the updater's doctor says so") {
  World world;
  const auto found = updater::examine(healthy_facts(), world);
  CHECK(control::exit_code(found) == 0);
  for (const Diagnosis& one : found) {
    CAPTURE(one.text);
    CHECK(one.level == Level::ok);
    CHECK(one.remedy.empty());
  }
  CHECK(says(found, Level::ok, "own-record", "behind a NAT that keeps port 51820"));
}

TEST_CASE("the updater's doctor finds each fault, with a remedy") {
  using Break = std::function<void(World&, DoctorFacts&)>;
  const struct {
    std::string what;
    Break breaks;
    Level level;
    std::string check;
    std::string words;
  } rows[] = {
      {"no resolver", [](World& w, DoctorFacts&) { w.resolver_error = ResolverError::timeout; },
       Level::problem, "resolver", "this host's resolver fails"},
      {"no delegation", [](World& w, DoctorFacts&) { w.zone_rcode = Rcode::nxdomain; },
       Level::problem, "delegation", "there is no wg.example.org."},
      {"nobody serves the zone",
       [](World& w, DoctorFacts&) { w.zone_error = ResolverError::server_failure; }, Level::problem,
       "zone", "gets nothing for wg.example.org."},
      {"a minimum TTL", [](World& w, DoctorFacts&) { w.kept_ttl = 60; }, Level::warning, "ttl",
       "for 60 s or more; the zone says 1 s"},
      {"an expired record first", [](World& w, DoctorFacts&) { w.is_expired_first = true; },
       Level::warning, "ttl", "answers with an expired endpoint first"},
      {"a peer that is not reached",
       [](World&, DoctorFacts& f) {
         f.daemon.unreached->emplace(bob, "the public host has not seen it");
       },
       Level::warning, "reach", "is not reachable: the public host has not seen it"},
      {"very many of them",
       [](World&, DoctorFacts& f) {
         for (std::uint8_t i = 0; i < 23; ++i) f.daemon.unreached->emplace(key(i), "it is off");
       },
       Level::warning, "reach", "and 3 other peers are not reachable either"},
      {"no daemon that says whether the peers are reached",
       [](World&, DoctorFacts& f) { f.daemon.unreached.reset(); }, Level::note, "reach",
       "its peers are not judged"},
      {"rebind protection",
       [](World& w, DoctorFacts&) {
         w.places[bob] = "10.9.0.1";
         w.hidden = "10.9.0.1";
       },
       Level::warning, "rebind", "10.9.0.1 of"},
      {"port 53 redirected", [](World& w, DoctorFacts&) { w.authoritative = false; },
       Level::warning, "port-53", "answers in place of 198.51.100.1"},
      {"port 53 redirected, and needed",
       [](World& w, DoctorFacts& f) {
         w.authoritative = false;
         f.daemon.server = endpoint("198.51.100.1:53");
       },
       Level::problem, "port-53", "answers in place of 198.51.100.1"},
      {"port 53 not let out", [](World& w, DoctorFacts&) { w.server_error = ServerError::timeout; },
       Level::note, "port-53", "cannot be asked past the resolver"},
      {"own record missing", [](World& w, DoctorFacts&) { w.rcodes[own_key] = Rcode::nxdomain; },
       Level::problem, "own-record", "does not know this host's key"},
      {"not seen", [](World& w, DoctorFacts&) { w.places.erase(own_key); }, Level::problem,
       "own-record", "has not seen it"},
      {"a symmetric NAT that is public", [](World& w, DoctorFacts&) { w.map = "apdm"; },
       Level::warning, "nat", "symmetric (apdm)"},
      {"a symmetric NAT",
       [](World&, DoctorFacts& f) {
         f.daemon.nat = schema::NatMapping::address_and_port_dependent;
       },
       Level::warning, "nat", "symmetric (apdm)"},
      {"a peer that nobody knows", [](World& w, DoctorFacts&) { w.rcodes[bob] = Rcode::nxdomain; },
       Level::warning, "peers", "does not know"},
      {"a time that is ahead", [](World& w, DoctorFacts&) { w.since = "1763800100"; },
       Level::problem, "clock", "100 s in the future"},
      {"a state file of tomorrow", [](World&, DoctorFacts& f) { f.saved = at(86400).wall; },
       Level::problem, "clock", "state file is dated 86400 s in the future"},
      {"a handshake of tomorrow",
       [](World&, DoctorFacts& f) { f.device.peers[1].latest_handshake = handshake_at(3600); },
       Level::problem, "clock", "last handshake of a peer is dated 3600 s in the future"},
      {"no hub", [](World&, DoctorFacts& f) { f.daemon.hubs.clear(); }, Level::problem, "hub",
       "no peer of wg0 is the public host"},
      {"no hub, but a peer where the zone is served",
       [](World& w, DoctorFacts& f) {
         f.daemon.hubs.clear();
         w.places[hub] = "198.51.100.1";
       },
       Level::problem, "hub", "is the public host, at 198.51.100.1:51820"},
      {"a hub without an endpoint",
       [](World&, DoctorFacts& f) { f.device.peers[0].endpoint.reset(); }, Level::problem, "hub",
       "has no endpoint"},
      {"a hub that is looked for",
       [](World&, DoctorFacts& f) {
         f.daemon.hub_problems = {{hub, "it does not answer"}};
       },
       Level::problem, "hub", "it does not answer"},
      {"a hub inside the tunnel",
       [](World&, DoctorFacts& f) { f.device.peers[1].allowed_ips = {prefix("0.0.0.0/0")}; },
       Level::problem, "hub", "cannot work: it lies inside the allowed-ips 0.0.0.0/0"},
      {"never a handshake",
       [](World&, DoctorFacts& f) { f.device.peers[0].latest_handshake.reset(); }, Level::problem,
       "handshake", "never completed a handshake"},
      {"a hub that went silent",
       [](World&, DoctorFacts& f) { f.device.peers[0].latest_handshake = handshake_at(-200); },
       Level::problem, "handshake", "silent for 200 s"},
      {"no keepalive", [](World&, DoctorFacts& f) { f.device.peers[0].persistent_keepalive = 0s; },
       Level::problem, "keepalive", "no keepalive goes"},
      {"a long keepalive",
       [](World&, DoctorFacts& f) { f.device.peers[0].persistent_keepalive = 120s; },
       Level::warning, "keepalive", "every 120 s only"},
      {"a keepalive of the updater's",
       [](World&, DoctorFacts& f) {
         f.daemon.user_keepalives = {{hub, 0}};
       },
       Level::note, "keepalive", "ends with it"},
      {"a hub that is another peer", [](World& w, DoctorFacts&) { w.private_roles[hub] = ""; },
       Level::problem, "hub", "but another peer's: the private view has no role=hub for it"},
      {"a hub that nobody knows", [](World& w, DoctorFacts&) { w.private_roles[bob] = ""; },
       Level::problem, "hub", "the private view does not know it"},
      {"a hub that is published like a peer",
       [](World& w, DoctorFacts&) { w.places[hub] = "203.0.113.9"; }, Level::warning, "hub",
       "may be another peer's key: DNS publishes it at 203.0.113.9:51820"},
      {"role=hub from the resolver", [](World& w, DoctorFacts&) { w.roles[bob] = "hub"; },
       Level::warning, "role", "DNS calls"},
      {"a peer without a session inside the hub's network",
       [](World&, DoctorFacts& f) {
         f.device.peers[0].allowed_ips.push_back(prefix("10.77.0.0/24"));
       },
       Level::note, "detour", "its addresses could go through the hub"},
      {"allowed-ips taken by another",
       [](World&, DoctorFacts& f) { f.device.peers[1].allowed_ips.clear(); }, Level::warning,
       "allowed-ips", "has no AllowedIPs"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    World world;
    DoctorFacts facts = healthy_facts();
    row.breaks(world, facts);
    const auto found = updater::examine(facts, world);
    CAPTURE(control::diagnoses_text(found));
    CHECK(says(found, row.level, row.check, row.words));
    const int expected = row.level == Level::problem ? 2 : row.level == Level::warning ? 1 : 0;
    CHECK(control::exit_code(found) == expected);
    for (const Diagnosis& one : found) CHECK(one.remedy.empty() == (one.level == Level::ok));
  }
}

TEST_CASE("the doctor prints the line that names the hub") {
  World world;
  DoctorFacts facts = healthy_facts();
  facts.daemon.hubs.clear();
  world.places[hub] = "198.51.100.1";
  const std::string text = control::diagnoses_text(updater::examine(facts, world));
  CHECK(text.find("wg-updater.yaml: hub: " + hub.to_base64() + "\n") != std::string::npos);
  world.places[hub] = "198.51.100.2";
  CHECK(control::diagnoses_text(updater::examine(facts, world)).find(": hub: ") ==
        std::string::npos);
}

TEST_CASE("without a daemon, peers are called what the private view calls them") {
  World world;
  DoctorFacts facts = healthy_facts();
  world.private_roles = {{hub, "hub"}, {bob, ""}};
  world.private_names = {{hub, "host"}, {bob, "robert"}};
  world.rcodes[bob] = Rcode::nxdomain;
  const auto told = [&] { return control::diagnoses_text(updater::examine(facts, world)); };
  CHECK(told().find("host " + hub.to_base64() + " is the public host's own key") !=
        std::string::npos);
  CHECK(told().find("does not know robert " + bob.to_base64()) != std::string::npos);
  facts.daemon.names[bob] = "bob";  // the daemon's word goes first
  CHECK(told().find("does not know bob " + bob.to_base64()) != std::string::npos);
  world.private_roles.clear();  // nobody answers there
  CHECK(told().find("does not know bob " + bob.to_base64()) != std::string::npos);
}

TEST_CASE("what the doctor of the updater does not find fault with") {
  World world;
  DoctorFacts facts = healthy_facts();
  SUBCASE("a hub that the private view calls one") {
    world.private_roles[hub] = "hub";
    CHECK(says(updater::examine(facts, world), Level::ok, "hub", "is the public host's own key"));
  }
  SUBCASE("a public view at the hub's address in the tunnel, which calls nobody a hub") {
    world.private_roles[hub] = "public";
  }
  SUBCASE("a point that DNS publishes where the device has it, or where a name server is") {
    world.places[hub] = "198.51.100.1";
  }
  SUBCASE("a peer of the mesh, which has no allowed-ips without a session") {
    facts.device.peers[1].allowed_ips.clear();
    facts.members = {bob};
  }
  SUBCASE("a peer with a session inside the hub's network") {
    facts.device.peers[0].allowed_ips.push_back(prefix("10.77.0.0/24"));
    facts.device.peers[1].latest_handshake = handshake_at(-5);
  }
  for (const Diagnosis& one : updater::examine(facts, world)) {
    CAPTURE(one.text);
    CHECK(one.level == Level::ok);
  }
}

TEST_CASE("the mapping is told: own address, kept port, changed port") {
  World world;
  DoctorFacts facts = healthy_facts();
  facts.device.listen_port = base::Port{40000};
  CHECK(says(updater::examine(facts, world), Level::ok, "own-record", "that changes port 40000"));
  facts = healthy_facts();
  facts.host.push_back(own(seen));
  CHECK(says(updater::examine(facts, world), Level::ok, "own-record", "at its own address"));
}

TEST_CASE("the daemon's facts arrive as they were sent; those of another version are refused") {
  const updater::DaemonFacts facts{zone,
                                   endpoint("198.51.100.1:53"),
                                   {hub, bob},
                                   {{hub, 25}},
                                   "/var/lib/wg-updater/wg0.json",
                                   schema::NatMapping::varies,
                                   endpoint("10.77.0.1:53"),
                                   {{hub, "it has no endpoint"}},
                                   {{bob, "bob"}},
                                   Unreached{{bob, "it is off"}}};
  const auto read = updater::parse_daemon_facts(updater::write_daemon_facts(facts));
  REQUIRE(read);
  CHECK(*read == facts);
  for (
      const char* wrong :
      {"", "{}", "[]", R"({"zone":1,"hubs":[],"user_keepalives":{},"state_file":"","server":null})",
       R"({"zone":"a.","hubs":["x"],"user_keepalives":{},"state_file":"","server":null})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{"x":1},"state_file":"","server":null})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{},"state_file":"","server":"x"})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{},"state_file":"","server":null,"hub_problems":{"x":""}})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{},"state_file":"","server":null,"hub_problems":[]})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{},"state_file":"","server":null,"names":{"x":""}})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{},"state_file":"","server":null,"unreached":[]})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{},"state_file":"","server":null,"unreached":{"x":""}})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{},"state_file":"","server":null,"nat":"x"})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{},"state_file":"","server":null,"nat":1})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=":65536},"state_file":"","server":null})",
       R"({"zone":"a.","hubs":[],"user_keepalives":{"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=":-1},"state_file":"","server":null})"}) {
    CAPTURE(wrong);
    CHECK_FALSE(updater::parse_daemon_facts(wrong));
  }
}
