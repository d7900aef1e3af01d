#include "updater/report/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "dns/keeping.hpp"
#include "dns/server_address.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_text.hpp"
#include "updater/lookup/lookup.hpp"
#include "updater/report/doctor_names.hpp"

// The checks of `wg-updater doctor` that ask DNS, in the order of run(): is the zone found, do its
// servers answer, does the resolver keep answers for too long, is this host's own record right, are
// the peers' records found. Each finding is one line with a remedy.
//
// Pure, but for dns::Outside, which may block: the command runs it on its only thread. The checks
// of the device are in doctor_device.cpp; what is examined is collected in doctor_facts.cpp.
namespace updater {
namespace {

using namespace std::chrono_literals;
using control::Diagnosis;
using dns::RrType;
using dns::Transport;
using Level = Diagnosis::Level;

/// At most this many peers' records are compared. A fault of the whole zone shows in these.
constexpr std::size_t max_peers = 20;
/// At most this many addresses of name servers are asked.
constexpr std::size_t max_servers = 8;

constexpr std::string_view rebind_remedy =
    "exempt {} from rebind protection there (unbound: private-domain, dnsmasq: rebind-domain-ok), "
    "or "
    "wg-updater --server with the public host's address";

LookupError to_lookup_error(dns::ServerError error) {
  switch (error) {
    case dns::ServerError::timeout:
      return LookupError::timeout;
    case dns::ServerError::malformed:
      return LookupError::malformed;
    default:
      return LookupError::unreachable;
  }
}

/// The first TXT record of an answer.
const dns::ReplyRecord* find_text(const dns::Reply& reply) {
  const auto found = std::find_if(reply.answer.begin(), reply.answer.end(), [](const auto& one) {
    return std::holds_alternative<dns::TxtRecord>(one.data);
  });
  return found == reply.answer.end() ? nullptr : &*found;
}

class Examination {
 public:
  Examination(const DoctorFacts& facts, dns::Outside& outside)
      : facts_(facts),
        zone_(facts_.daemon.zone),
        outside_(outside),
        probe_(dns::Name::join({schema::service_label, schema::protocol_label}, zone_)) {}

  std::vector<Diagnosis> run() {
    learn_names(facts_, outside_);
    diagnoses_ = examine_device(facts_);
    const bool can_ask = probe_ && check_zone();
    check_for_hub(can_ask);
    if (!can_ask) return std::move(diagnoses_);
    // Its first question is early, so that the record expires during the other checks.
    dns::KeepingProbe probe = ask_for_probe();
    check_servers();
    check_own();
    check_hubs();
    check_peers();
    if (server_) check_keeping(probe);
    return std::move(diagnoses_);
  }

 private:
  void say(Level level, std::string check, std::string text, std::string remedy = {}) {
    diagnoses_.push_back({level, std::move(check), std::move(text), std::move(remedy)});
  }
  [[nodiscard]] bool check_zone();
  void blame_resolver_or_zone(const std::string& what, bool is_silent);
  void check_for_hub(bool can_ask);
  void check_servers();
  [[nodiscard]] std::vector<base::IpAddress> find_servers();
  [[nodiscard]] bool check_server(const base::IpAddress& address);
  [[nodiscard]] dns::KeepingProbe ask_for_probe();
  void check_keeping(dns::KeepingProbe& probe);
  void check_own();
  void check_mapping(const base::Endpoint& seen);
  void check_own_text();
  void check_hubs();
  void check_hub(const wg::DevicePeer& hub, const std::optional<base::IpAddress>& server);
  void check_published_hub(const wg::DevicePeer& hub);
  void check_peers();
  void check_peer(const wg::PublicKey& key, const LookupResult& found);
  [[nodiscard]] bool hides_address(const wg::PublicKey& key, const LookupResult& found);
  [[nodiscard]] LookupResult look_up(const wg::PublicKey& key);

  DoctorFacts facts_;  // with the names that the private view tells
  const dns::Name& zone_;
  dns::Outside& outside_;
  std::optional<dns::Name> probe_;  // a TXT record that every zone of wg-dnsd has
  std::vector<Diagnosis> diagnoses_;
  std::optional<base::IpAddress> server_;  // one that answers for the zone, past every resolver
  bool hides_private_ = false;             // reported: the resolver hides private addresses
};

// ---- the way to the zone

/// \return whether the resolver finds the zone.
bool Examination::check_zone() {
  const auto reply = outside_.resolve(*probe_, RrType::txt);
  if (!reply) {
    blame_resolver_or_zone(std::string(to_string(reply.error())),
                           reply.error() == dns::ResolverError::timeout ||
                               reply.error() == dns::ResolverError::unreachable);
    return false;
  }
  if (find_text(*reply) != nullptr) {
    say(Level::ok, "resolver", fmt::format("it finds {}", zone_.to_string()));
    return true;
  }
  if (reply->rcode != dns::Rcode::noerror && reply->rcode != dns::Rcode::nxdomain) {
    blame_resolver_or_zone(dns::to_string(reply->rcode), false);
    return false;
  }
  say(Level::problem, "delegation",
      fmt::format("the resolver says that there is no {} ({})", zone_.to_string(),
                  dns::to_string(reply->rcode)),
      "check the zone's name; in the zone above it, add the records that `wg-dnsd "
      "--print-delegation` prints on the public host");
  return false;
}

void Examination::blame_resolver_or_zone(const std::string& what, bool is_silent) {
  const auto root = outside_.resolve(*dns::Name::parse("."), RrType::ns);
  const bool works = root && root->rcode == dns::Rcode::noerror;
  if (!works) {
    say(Level::problem, "resolver", fmt::format("this host's resolver fails: {}", what),
        is_silent ? "check /etc/resolv.conf and the way to its servers, or wg-updater --server "
                    "with the public host's address"
                  : "another resolver in /etc/resolv.conf, or wg-updater --server with the public "
                    "host's address");
    return;
  }
  say(Level::problem, "zone",
      fmt::format("the resolver works, but gets nothing for {}: {}", zone_.to_string(), what),
      "on the public host: does wg-dnsd run (wg-dnsd status), is port 53 open, is the delegation "
      "right (wg-dnsd doctor)?");
}

std::vector<base::IpAddress> Examination::find_servers() {
  std::vector<base::IpAddress> found;
  const auto servers = outside_.resolve(zone_, RrType::ns);
  if (!servers) return found;
  for (const dns::ReplyRecord& record : servers->answer) {
    const auto* name = std::get_if<dns::Name>(&record.data);
    if (record.type != RrType::ns || name == nullptr) continue;
    for (const RrType type : {RrType::a, RrType::aaaa}) {
      const auto addresses = outside_.resolve(*name, type);
      if (!addresses) continue;
      for (const dns::ReplyRecord& one : addresses->answer) {
        const auto* address = std::get_if<base::IpAddress>(&one.data);
        if (address != nullptr && found.size() < max_servers) found.push_back(*address);
      }
    }
  }
  return found;
}

void Examination::check_servers() {
  for (const base::IpAddress& address : find_servers()) {
    if (check_server(address) && !server_) server_ = address;
  }
}

/// \return whether the server answers for the zone, so that others can be compared with it.
bool Examination::check_server(const base::IpAddress& address) {
  const auto reply = outside_.ask(address, Transport::udp, zone_, RrType::soa);
  if (!reply) {
    if (reply.error() == dns::ServerError::unreachable) return false;  // this host lacks the family
    say(Level::note, "port-53",
        fmt::format("{} cannot be asked past the resolver: {}", address.to_string(),
                    to_string(reply.error())),
        "nothing; only wg-updater --server needs outgoing UDP port 53");
    return false;
  }
  if (!reply->authoritative) {
    say(facts_.daemon.server ? Level::problem : Level::warning, "port-53",
        fmt::format("something on the way answers in place of {}: it says {}, without authority",
                    address.to_string(), dns::to_string(reply->rcode)),
        "this network redirects port 53: use its resolver, without wg-updater --server, or ask its "
        "operator");
    return false;
  }
  say(Level::ok, "port-53", fmt::format("{} itself can be asked", address.to_string()));
  return true;
}

/// A record with the TTL of endpoints: this host's own SRV, because some resolvers keep no TXT, by
/// the name that no updater asks for; or else the TXT that every zone of wg-dnsd has.
dns::KeepingProbe Examination::ask_for_probe() {
  if (facts_.device.public_key) {
    dns::KeepingProbe probe(outside_, schema::instance_name(*facts_.device.public_key, zone_),
                            RrType::srv);
    if (probe.has_record()) return probe;
  }
  return {outside_, *probe_, RrType::txt};
}

void Examination::check_keeping(dns::KeepingProbe& probe) {
  const auto seen = probe.finish(*server_);
  if (!seen) return;
  const std::string text = "the resolver " + dns::describe(*seen);
  if (seen->keeping == dns::Keeping::right) return say(Level::ok, "ttl", text);
  say(Level::warning, "ttl", text,
      fmt::format("{}, or wg-updater --server with the public host's address",
                  dns::remedy_of(seen->keeping)));
}

// ---- this host's own record

LookupResult Examination::look_up(const wg::PublicKey& key) {
  const Ask ask = [&](const dns::Name& name,
                      RrType type) -> base::Expected<dns::Reply, LookupError> {
    auto reply = outside_.resolve(name, type);
    if (!reply) return base::Unexpected(updater::to_lookup_error(reply.error()));
    return *std::move(reply);
  };
  return look_up_peer(ask, key, zone_, /*with_text=*/true);
}

void Examination::check_own() {
  if (!facts_.device.public_key) {
    return say(Level::problem, "own-record",
               fmt::format("{} has no private key", facts_.device.name),
               "PrivateKey in its configuration");
  }
  const wg::PublicKey& key = *facts_.device.public_key;
  const LookupResult found = look_up(key);
  check_own_text();
  const auto published = found.text ? found.text->mapping : std::nullopt;
  const auto nat =
      (facts_.daemon.nat ? facts_.daemon.nat : published).value_or(schema::NatMapping::unknown);
  if (is_symmetric(nat)) {
    say(Level::warning, "nat",
        fmt::format("the NAT here is symmetric ({}): only peers that let in what they did not ask "
                    "for can be reached",
                    to_string(nat)),
        "IPv6, a router that keeps the port, or a forwarded UDP port as this peer's fixed endpoint "
        "on the public host");
  }
  if (found.endpoints) return check_mapping(found.endpoints->endpoints.front());
  if (hides_address(key, found)) return;
  switch (found.endpoints.error()) {
    case LookupError::no_such_name:
      return say(Level::problem, "own-record",
                 fmt::format("the public host does not know this host's key {}", key.to_base64()),
                 "add the peer there: `wg-dnsd peer add`, or a [Peer] of its interface");
    case LookupError::no_endpoint:
      return say(Level::problem, "own-record",
                 "the public host knows this host's key, but has not seen it",
                 "the findings about handshake and keepalive come first");
    default:
      return say(Level::problem, "own-record",
                 fmt::format("this host's own record cannot be read: {}",
                             to_string(found.endpoints.error())),
                 "something between here and wg-dnsd changes answers: wg-updater --server with the "
                 "public host's address");
  }
}

void Examination::check_mapping(const base::Endpoint& seen) {
  const bool is_own = std::any_of(facts_.host.begin(), facts_.host.end(),
                                  [&](const auto& one) { return one.address == seen.address; });
  const bool keeps_port = seen.port == facts_.device.listen_port;
  const auto port = base::to_number(facts_.device.listen_port);
  say(Level::ok, "own-record",
      is_own && keeps_port
          ? fmt::format("the world sees this host at its own address, {}", seen.to_string())
          : fmt::format("the world sees this host at {}: behind a NAT that {} port {}",
                        seen.to_string(), keeps_port ? "keeps" : "changes", port));
}

/// Compares the time in the record with this host's clock. The public view has a time only where
/// the operator opens `since`.
void Examination::check_own_text() {
  const dns::Name service = schema::service_name(*facts_.device.public_key, zone_);
  const auto reply = outside_.resolve(service, RrType::txt);
  const auto* record = reply ? find_text(*reply) : nullptr;
  if (record == nullptr) return;
  const auto text = schema::parse_peer_text(std::get<dns::TxtRecord>(record->data).strings);
  if (!text || !text->since || *text->since <= facts_.now + DoctorFacts::clock_tolerance) return;
  say(Level::problem, "clock",
      fmt::format("this host's clock, or the public host's, is wrong: the public host dates "
                  "this endpoint {} s in the future",
                  (*text->since - facts_.now).count()),
      "set both clocks, and keep them by NTP");
}

// ---- the keys of --hub

/// Where no hub is among the peers: a peer that DNS publishes where the device has it, on a host
/// that serves the zone, is one.
void Examination::check_for_hub(bool can_ask) {
  const auto& peers = facts_.device.peers;
  if (std::any_of(peers.begin(), peers.end(), [&](const wg::DevicePeer& peer) {
        return facts_.daemon.hubs.count(peer.public_key) != 0;
      }))
    return;
  const auto servers = can_ask ? find_servers() : std::vector<base::IpAddress>();
  std::vector<const wg::DevicePeer*> hubs;
  for (const wg::DevicePeer& peer : peers) {
    if (!peer.endpoint ||
        std::find(servers.begin(), servers.end(), peer.endpoint->address) == servers.end())
      continue;
    const LookupResult found = look_up(peer.public_key);
    if (!found.endpoints) continue;
    const auto& seen = found.endpoints->endpoints;
    if (std::find(seen.begin(), seen.end(), *peer.endpoint) != seen.end()) hubs.push_back(&peer);
  }
  std::string keys;
  for (const wg::DevicePeer* hub : hubs)
    keys += (keys.empty() ? "" : ", ") + hub->public_key.to_base64();
  if (hubs.size() > 1) keys = '[' + keys + ']';
  for (const wg::DevicePeer* hub : hubs)
    say(Level::problem, "hub",
        fmt::format("{} is the public host, at {}, and the configuration does not say so",
                    facts_.daemon.describe(hub->public_key), hub->endpoint->to_string()),
        "add this line to /etc/wg-updater/wg-updater.yaml: hub: " + keys);
  if (!hubs.empty()) return;
  say(Level::problem, "hub",
      fmt::format("no peer of {} is the public host, so nobody sees where this host is",
                  facts_.device.name),
      "--hub KEY, the key that `wg-dnsd pubkey` or `wg show` says on the public host, which has to "
      "be a [Peer] here");
}

/// The private view knows the public host's own keys; it is asked where this host is served.
void Examination::check_hubs() {
  const auto server = find_private_address(facts_);
  for (const wg::DevicePeer& peer : facts_.device.peers) {
    if (facts_.daemon.hubs.count(peer.public_key) != 0) check_hub(peer, server);
  }
}

void Examination::check_hub(const wg::DevicePeer& hub,
                            const std::optional<base::IpAddress>& server) {
  if (!server) return check_published_hub(hub);
  const std::string key = facts_.daemon.describe_whole(hub.public_key);
  constexpr const char* remedy =
      "--hub with the key that `wg-dnsd pubkey`, or `wg show` of its interface, says on the public "
      "host";
  const auto reply = outside_.ask(*server, Transport::udp,
                                  schema::service_name(hub.public_key, zone_), RrType::txt);
  if (reply && reply->rcode == dns::Rcode::nxdomain)
    return say(
        Level::problem, "hub",
        fmt::format("{} is not the public host's key: the private view does not know it", key),
        remedy);
  const auto* record = reply ? find_text(*reply) : nullptr;
  const auto text = record != nullptr
                        ? schema::parse_peer_text(std::get<dns::TxtRecord>(record->data).strings)
                        : std::nullopt;
  // The public view has neither allowed-ips nor roles; with wg-dnsd's default listeners it answers
  // here.
  if (!text || text->public_key != hub.public_key || (!text->is_hub && text->allowed_ips.empty()))
    return check_published_hub(hub);
  if (!text->is_hub)
    return say(Level::problem, "hub",
               fmt::format("{} is not the public host's key, but another peer's: the private view "
                           "has no role=hub for it",
                           key),
               remedy);
  say(Level::ok, "hub", fmt::format("{} is the public host's own key", key));
}

/// Without the private view: a key that DNS publishes at an address of no name server of the zone
/// may be an ordinary peer's.
void Examination::check_published_hub(const wg::DevicePeer& hub) {
  const LookupResult found = look_up(hub.public_key);
  if (!found.endpoints) return;
  const auto servers = find_servers();
  const auto& seen = found.endpoints->endpoints;
  const bool is_elsewhere = std::none_of(seen.begin(), seen.end(), [&](const auto& endpoint) {
    return endpoint == hub.endpoint ||
           std::find(servers.begin(), servers.end(), endpoint.address) != servers.end();
  });
  if (!is_elsewhere) return;
  say(Level::warning, "hub",
      fmt::format(
          "{} may be another peer's key: DNS publishes it at {}, where no name server of the "
          "zone is, and nobody in the tunnel says that it is the public host's",
          facts_.daemon.describe_whole(hub.public_key), seen.front().to_string()),
      "compare it with the key that `wg-dnsd pubkey`, or `wg show` of its interface, says on the "
      "public host");
}

// ---- the peers' records

void Examination::check_peers() {
  std::size_t count = 0;
  std::size_t found_count = 0;
  for (const wg::DevicePeer& peer : facts_.device.peers) {
    if (facts_.daemon.hubs.count(peer.public_key) != 0) continue;
    if (++count > max_peers) break;
    const LookupResult found = look_up(peer.public_key);
    if (found.text && found.text->is_hub) {
      say(Level::warning, "role",
          fmt::format("DNS calls {} the public host's own (role=hub), so it is not punched",
                      facts_.daemon.describe_whole(peer.public_key)),
          "if it is, --hub with this key; otherwise somebody on the way to wg-dnsd changes "
          "answers, "
          "or its private view is open to the public");
      continue;
    }
    if (found.endpoints) ++found_count;
    check_peer(peer.public_key, found);
  }
  if (found_count > 0)
    say(Level::ok, "peers", fmt::format("DNS says where {} of them are", found_count));
}

void Examination::check_peer(const wg::PublicKey& key, const LookupResult& found) {
  if (hides_address(key, found) || found.endpoints) return;
  switch (found.endpoints.error()) {
    case LookupError::no_such_name:
      return say(Level::warning, "peers",
                 fmt::format("the public host does not know {}", facts_.daemon.describe_whole(key)),
                 "add the peer there, or remove it here");
    case LookupError::no_endpoint:
      return say(Level::note, "peers",
                 fmt::format("the public host has not seen {}", facts_.daemon.describe_whole(key)),
                 "it is switched off, or sends no keepalive: set PersistentKeepalive = 25 for the "
                 "public host on it");
    default:
      return say(Level::warning, "peers",
                 fmt::format("the record of {} cannot be read: {}",
                             facts_.daemon.describe_whole(key), to_string(found.endpoints.error())),
                 "wg-updater --server with the public host's address");
  }
}

/// Whether the zone has a private address that the resolver leaves out. Reported once.
bool Examination::hides_address(const wg::PublicKey& key, const LookupResult& found) {
  if (found.endpoints || !server_ || found.endpoints.error() == LookupError::no_such_name)
    return false;
  const Ask ask = [&](const dns::Name& name,
                      RrType type) -> base::Expected<dns::Reply, LookupError> {
    auto reply = outside_.ask(*server_, Transport::udp, name, type);
    if (!reply) return base::Unexpected(to_lookup_error(reply.error()));
    return *std::move(reply);
  };
  const LookupResult direct = look_up_peer(ask, key, zone_, /*with_text=*/false);
  if (!direct.endpoints) return false;
  const auto& endpoints = direct.endpoints->endpoints;
  const auto hidden = std::find_if(endpoints.begin(), endpoints.end(), [](const auto& one) {
    return one.address.scope() == base::AddressScope::private_use;
  });
  if (hidden == endpoints.end()) return false;
  if (!std::exchange(hides_private_, true)) {
    say(Level::warning, "rebind",
        fmt::format("the resolver hides private addresses: {} of {} is in the zone",
                    hidden->address.to_string(), facts_.daemon.describe_whole(key)),
        fmt::format(rebind_remedy, zone_.to_string()));
  }
  return true;
}

}  // namespace

std::vector<Diagnosis> examine(const DoctorFacts& facts, dns::Outside& outside) {
  return Examination(facts, outside).run();
}

}  // namespace updater
