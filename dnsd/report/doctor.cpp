#include "dnsd/report/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "schema/owner_name.hpp"

namespace dnsd {
namespace {

using dns::RrType;
using dns::Transport;
using Level = Diagnosis::Level;
using Addresses = std::vector<base::IpAddress>;

/// Servers of the parent zone that are asked; no zone needs more to be served.
constexpr std::size_t max_parent_servers = 8;
/// Secondaries and caches lag behind; a server of another zone shows a serial of another kind.
constexpr std::uint32_t serial_tolerance = 100'000;

constexpr std::string_view paste_remedy =
    "add the records for the parent zone to {}, where that zone is managed";
constexpr std::string_view port_remedy =
    "open 53/udp and 53/tcp for it in the firewall and in the cloud's security group; from here "
    "that is not seen as others see it: wg-dnsd doctor --zone {} on another machine is surer";

const dns::Name* name_of(const dns::ReplyRecord& record, RrType type) {
  return record.type == type ? std::get_if<dns::Name>(&record.data) : nullptr;
}

const dns::SoaRecord* find_soa(const std::vector<dns::ReplyRecord>& records,
                               const dns::Name& owner) {
  for (const dns::ReplyRecord& record : records) {
    const auto* soa = std::get_if<dns::SoaRecord>(&record.data);
    if (soa != nullptr && record.owner == owner) return soa;
  }
  return nullptr;
}

void add(Addresses& addresses, const base::IpAddress& address) {
  if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
    addresses.push_back(address);
}

template <typename Range, typename ToText>
std::string join(const Range& range, ToText to_text) {
  std::string text;
  for (const auto& one : range) text += (text.empty() ? "" : ", ") + to_text(one);
  return text.empty() ? "none" : text;
}
std::string join(const Addresses& addresses) {
  return join(addresses, [](const base::IpAddress& one) { return one.to_string(); });
}
std::string join(const std::vector<dns::Name>& names) {
  return join(names, [](const dns::Name& one) { return one.to_string(); });
}

/// What is in `a` and not in `b`.
template <typename T>
std::vector<T> without(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> result;
  for (const T& one : a) {
    if (std::find(b.begin(), b.end(), one) == b.end()) result.push_back(one);
  }
  return result;
}

/// What one server of the parent zone says of ours.
struct Delegation {
  std::vector<dns::Name> servers;
  std::map<dns::Name, Addresses> glue;

  friend bool operator==(const Delegation&, const Delegation&) = default;
};

class Examination {
 public:
  Examination(const dns::Name& zone, const std::optional<DoctorFacts>& facts, dns::Outside& outside)
      : zone_(zone), facts_(facts), outside_(outside) {}

  std::vector<Diagnosis> run() {
    if (facts_) {
      check_daemon();
      check_addresses();
    }
    check_delegation();
    check_servers();
    if (resolver_works_) check_resolver();
    if (facts_) check_peers();
    return std::move(diagnoses_);
  }

 private:
  void say(Level level, std::string check, std::string text, std::string remedy = {}) {
    diagnoses_.push_back({level, std::move(check), std::move(text), std::move(remedy)});
  }
  /// Says it unless something worse was said of the same check since `before`.
  void say_ok_since(std::size_t before, std::string check, std::string text) {
    if (diagnoses_.size() == before) say(Level::ok, std::move(check), std::move(text));
  }

  void check_daemon();
  void check_addresses();
  void check_delegation();
  [[nodiscard]] std::optional<dns::Name> find_parent();
  [[nodiscard]] Addresses addresses_of(const dns::Name& name);
  [[nodiscard]] std::optional<Delegation> ask_parent(const dns::Name& parent);
  [[nodiscard]] std::optional<Delegation> ask_parent_server(const dns::Name& parent,
                                                            const dns::Name& server);
  void compare_servers(const dns::Name& parent, const Delegation& delegation);
  void compare_glue(const dns::Name& parent, const dns::Name& server, const Addresses& glue);
  void check_servers();
  void check_server(const base::IpAddress& address);
  [[nodiscard]] bool check_reply(const base::IpAddress& address, Transport transport);
  void check_resolver();
  void check_ttl();
  void check_peers();
  [[nodiscard]] const DoctorFacts::Server* stated(const dns::Name& server) const;
  [[nodiscard]] bool is_translated(const base::IpAddress& address) const;

  const dns::Name zone_;
  const std::optional<DoctorFacts>& facts_;
  dns::Outside& outside_;
  std::vector<Diagnosis> diagnoses_;
  bool resolver_works_ = true;
  Addresses to_check_;                        // of name servers, as the zone or the parent says
  std::optional<base::IpAddress> answering_;  // one that answers for the zone
};

void Examination::check_daemon() {
  const Level level = facts_->state == 0   ? Level::ok
                      : facts_->state == 1 ? Level::warning
                                           : Level::problem;
  if (level == Level::ok)
    return say(level, "daemon", "wg-dnsd runs, and nothing that it needs fails");
  for (const std::string& problem : facts_->problems) {
    say(level, "daemon", problem, "wg-dnsd status and its log say more");
  }
  if (facts_->problems.empty()) say(level, "daemon", "wg-dnsd is not in order", "wg-dnsd status");
}

/// The addresses that the zone gives to its name servers, as far as this host alone can judge.
void Examination::check_addresses() {
  const std::size_t before = diagnoses_.size();
  for (const std::string& advice : facts_->advice) {
    say(Level::problem, "address", advice, "ns: NAME=PUBLIC-ADDRESS in the configuration");
  }
  for (const DoctorFacts::Server& server : facts_->servers) {
    for (const DoctorFacts::Address& one : server.addresses) {
      const std::string place =
          fmt::format("{}, the address of {}", one.address.to_string(), server.name.to_string());
      add(to_check_, one.address);
      if (one.address.scope() != base::AddressScope::global) {
        say(Level::problem, "address", place + ", is private: nobody outside can reach it",
            fmt::format("ns: {}=PUBLIC-ADDRESS, the address that is translated to this host (1:1 "
                        "NAT), or a record of the zone file",
                        server.name.to_string()));
      } else if (!one.is_on_host) {
        say(Level::note, "address",
            place + ", is not one of this host's: right behind 1:1 NAT, wrong elsewhere",
            "if there is no NAT, correct ns: or the zone file");
      } else if (!one.is_listened) {
        say(Level::warning, "address", place + ", has no public listener on port 53",
            "listen on it, unless something passes its port 53 on to wg-dnsd");
      }
    }
  }
  say_ok_since(before, "address", "the zone's name servers have this host's public addresses");
}

// ---- delegation

void Examination::check_delegation() {
  const auto parent = find_parent();
  if (!parent) return;
  const std::size_t before = diagnoses_.size();
  const auto delegation = ask_parent(*parent);
  if (!delegation) return;
  if (delegation->servers.empty()) {
    say(Level::problem, "delegation",
        fmt::format("{} does not delegate {}", parent->to_string(), zone_.to_string()),
        fmt::format(paste_remedy, parent->to_string()));
    return;
  }
  compare_servers(*parent, *delegation);
  say_ok_since(before, "delegation",
               fmt::format("{} delegates {} to {}", parent->to_string(), zone_.to_string(),
                           join(delegation->servers)));
  for (const dns::Name& server : delegation->servers) {
    const bool needs_glue = server.view().is_at_or_below(zone_);
    const auto found = delegation->glue.find(server);
    const bool has_glue = found != delegation->glue.end();
    const Addresses glue =
        needs_glue ? (has_glue ? found->second : Addresses{}) : addresses_of(server);
    for (const base::IpAddress& address : glue) add(to_check_, address);
    if (needs_glue) compare_glue(*parent, server, glue);
  }
}

/// The zone that ours is delegated from: the next one above, whose SOA a resolver knows.
std::optional<dns::Name> Examination::find_parent() {
  for (dns::Name name(zone_.view().parent());; name = dns::Name(name.view().parent())) {
    const auto reply = outside_.resolve(name, RrType::soa);
    if (!reply) {
      resolver_works_ = false;
      say(Level::problem, "resolver",
          fmt::format("this host's resolver is of no use, asked for {}: {}", name.to_string(),
                      to_string(reply.error())),
          "correct /etc/resolv.conf or the resolver that it names; without one the delegation "
          "cannot be checked");
      return std::nullopt;
    }
    if (find_soa(reply->answer, name) != nullptr || name.view().is_root()) return name;
    // A denial says by its SOA which zone it comes from.
    for (const dns::ReplyRecord& record : reply->authority) {
      if (std::holds_alternative<dns::SoaRecord>(record.data) &&
          name.view().is_at_or_below(record.owner)) {
        return record.owner;
      }
    }
  }
}

Addresses Examination::addresses_of(const dns::Name& name) {
  Addresses result;
  for (const RrType type : {RrType::a, RrType::aaaa}) {
    const auto reply = outside_.resolve(name, type);
    if (!reply) continue;
    for (const dns::ReplyRecord& record : reply->answer) {
      if (const auto* address = std::get_if<base::IpAddress>(&record.data)) add(result, *address);
    }
  }
  return result;
}

std::optional<Delegation> Examination::ask_parent(const dns::Name& parent) {
  std::vector<dns::Name> servers;
  if (const auto reply = outside_.resolve(parent, RrType::ns)) {
    for (const dns::ReplyRecord& record : reply->answer) {
      const dns::Name* server = name_of(record, RrType::ns);
      if (server != nullptr && servers.size() < max_parent_servers) servers.push_back(*server);
    }
  }
  std::optional<Delegation> first;
  for (const dns::Name& server : servers) {
    auto delegation = ask_parent_server(parent, server);
    if (!delegation) continue;
    if (first && *first != *delegation) {
      say(Level::warning, "delegation",
          fmt::format("the servers of {} do not agree on {}: {} differs", parent.to_string(),
                      zone_.to_string(), server.to_string()),
          "a change is under way: wait, and look again");
    }
    if (!first) first = std::move(delegation);
  }
  if (!first) {
    say(Level::warning, "delegation",
        fmt::format("no server of {} ({}) can be asked from here", parent.to_string(),
                    join(servers)),
        "allow DNS to the outside, or run wg-dnsd doctor --zone on another machine");
  }
  return first;
}

std::optional<Delegation> Examination::ask_parent_server(const dns::Name& parent,
                                                         const dns::Name& server) {
  for (const base::IpAddress& address : addresses_of(server)) {
    const auto reply = outside_.ask(address, Transport::udp, zone_, RrType::ns);
    if (!reply) continue;
    if (reply->rcode != dns::Rcode::noerror && reply->rcode != dns::Rcode::nxdomain) {
      say(Level::note, "delegation",
          fmt::format("{} ({}) answers {} for {}", server.to_string(), address.to_string(),
                      dns::to_string(reply->rcode), parent.to_string()),
          "that is for the operator of the parent zone");
      continue;
    }
    Delegation delegation;
    for (const auto* section : {&reply->answer, &reply->authority}) {
      for (const dns::ReplyRecord& record : *section) {
        const dns::Name* name = name_of(record, RrType::ns);
        if (name != nullptr && record.owner == zone_) delegation.servers.push_back(*name);
      }
    }
    for (const dns::ReplyRecord& record : reply->additional) {
      const auto* glue = std::get_if<base::IpAddress>(&record.data);
      if (glue != nullptr) add(delegation.glue[record.owner], *glue);
    }
    std::sort(delegation.servers.begin(), delegation.servers.end());
    for (auto& [name, glue] : delegation.glue) std::sort(glue.begin(), glue.end());
    return delegation;
  }
  return std::nullopt;
}

void Examination::compare_servers(const dns::Name& parent, const Delegation& delegation) {
  if (!facts_) return;
  std::vector<dns::Name> stated;
  for (const DoctorFacts::Server& server : facts_->servers) stated.push_back(server.name);
  const auto missing = without(stated, delegation.servers);
  const auto foreign = without(delegation.servers, stated);
  if (missing.empty() && foreign.empty()) return;
  say(foreign.empty() ? Level::warning : Level::problem, "delegation",
      fmt::format("{} delegates {} to {}; the zone itself names {}", parent.to_string(),
                  zone_.to_string(), join(delegation.servers), join(stated)),
      fmt::format("make the NS records in {} those that are printed for the parent zone, or set "
                  "ns: to what stands there",
                  parent.to_string()));
}

void Examination::compare_glue(const dns::Name& parent, const dns::Name& server,
                               const Addresses& glue) {
  const std::string in_parent = fmt::format("in {}", parent.to_string());
  if (glue.empty()) {
    say(Level::problem, "glue",
        fmt::format("{} names {} without an address", parent.to_string(), server.to_string()),
        fmt::format(paste_remedy, parent.to_string()));
    return;
  }
  const DoctorFacts::Server* own = stated(server);
  if (own == nullptr) return;
  Addresses wanted;
  for (const DoctorFacts::Address& one : own->addresses) wanted.push_back(one.address);
  const Addresses wrong = without(glue, wanted);
  const Addresses missing = without(wanted, glue);
  if (!wrong.empty()) {
    say(Level::problem, "glue",
        fmt::format("{} says that {} is at {}; it is at {}", parent.to_string(), server.to_string(),
                    join(wrong), join(wanted)),
        fmt::format("correct the A and AAAA records of {} {}", server.to_string(), in_parent));
  } else if (!missing.empty()) {
    say(Level::warning, "glue",
        fmt::format("{} does not say that {} is also at {}", parent.to_string(), server.to_string(),
                    join(missing)),
        fmt::format("add it {}", in_parent));
  } else {
    say(Level::ok, "glue", fmt::format("{} is at {}", server.to_string(), join(glue)));
  }
}

// ---- servers

void Examination::check_servers() {
  for (const base::IpAddress& address : to_check_) check_server(address);
  if (to_check_.empty()) {
    say(Level::problem, "answers", "no address of a name server is known, so none could be asked",
        "the findings above come first");
  }
}

void Examination::check_server(const base::IpAddress& address) {
  const bool udp = check_reply(address, Transport::udp);
  const bool tcp = check_reply(address, Transport::tcp);
  if (!udp || !tcp) return;
  if (!answering_) answering_ = address;
  say(Level::ok, "answers", fmt::format("{} answers over UDP and TCP", address.to_string()));
}

/// \return whether there is nothing to complain of.
bool Examination::check_reply(const base::IpAddress& address, Transport transport) {
  const bool is_udp = transport == Transport::udp;
  const std::string check = is_udp ? "udp" : "tcp";
  const std::string place = fmt::format("{} over {}", address.to_string(), is_udp ? "UDP" : "TCP");
  const auto reply = outside_.ask(address, transport, zone_, RrType::soa);
  if (!reply && reply.error() == dns::ServerError::unreachable) {
    say(Level::note, check, fmt::format("{} cannot be asked: {}", place, to_string(reply.error())),
        fmt::format("wg-dnsd doctor --zone {} on a machine that has {}", zone_.to_string(),
                    address.is_ipv4() ? "IPv4" : "IPv6"));
    return false;
  }
  if (!reply) {
    say(is_translated(address) ? Level::warning : Level::problem, check,
        fmt::format(
            "{} does not answer: {}{}", place, to_string(reply.error()),
            is_translated(address) ? " (a NAT may keep this host from its own address)" : ""),
        fmt::format(port_remedy, zone_.to_string()));
    return false;
  }
  const dns::SoaRecord* soa = find_soa(reply->answer, zone_);
  if (reply->rcode != dns::Rcode::noerror || !reply->authoritative || soa == nullptr) {
    say(Level::problem, check,
        fmt::format("{} answers {}{} for {}", place, dns::to_string(reply->rcode),
                    reply->authoritative ? "" : ", without authority,", zone_.to_string()),
        "another name server has that address, or wg-dnsd serves another zone there");
    return false;
  }
  const std::uint32_t ahead = facts_ ? soa->serial - facts_->serial : 0;  // RFC 1982
  if (std::min(ahead, 0 - ahead) > serial_tolerance) {
    say(Level::warning, check,
        fmt::format("{} has serial {}, and wg-dnsd {}: another server answers there", place,
                    soa->serial, facts_->serial),
        "stop it, or make it a secondary that follows");
    return false;
  }
  return true;
}

// ---- the resolver, from end to end

void Examination::check_resolver() {
  const auto reply = outside_.resolve(zone_, RrType::soa);
  const bool is_answer = reply && find_soa(reply->answer, zone_) != nullptr;
  if (!is_answer) {
    say(Level::problem, "resolver",
        fmt::format("this host's resolver finds no {}: {}", zone_.to_string(),
                    reply ? dns::to_string(reply->rcode) : std::string(to_string(reply.error()))),
        "the findings above are the reason; if there are none, it remembers an older state: wait "
        "for at most an hour, or flush its cache");
    return;
  }
  say(Level::ok, "resolver", fmt::format("this host's resolver finds {}", zone_.to_string()));
  check_ttl();
}

/// A TXT record that every zone of wg-dnsd has, with the TTL of endpoints.
void Examination::check_ttl() {
  const auto service = dns::Name::join({schema::service_label, schema::protocol_label}, zone_);
  if (!answering_ || !service) return;
  const auto ours = outside_.ask(*answering_, Transport::udp, *service, RrType::txt);
  const auto seen = outside_.resolve(*service, RrType::txt);
  if (!ours || !seen || ours->answer.empty() || seen->answer.empty()) return;
  const std::uint32_t said = ours->answer.front().ttl.seconds;
  const std::uint32_t kept = seen->answer.front().ttl.seconds;
  if (kept <= said) {
    return say(Level::ok, "ttl", fmt::format("it keeps endpoints for no longer than {} s", said));
  }
  say(Level::warning, "ttl",
      fmt::format("this host's resolver keeps endpoints for {} s or more; the zone says {} s", kept,
                  said),
      "remove its minimum TTL (unbound: cache-min-ttl: 0); peers behind such a resolver use "
      "wg-updater --server");
}

// ---- peers

void Examination::check_peers() {
  const DoctorFacts& facts = *facts_;
  const std::string remedy = "PersistentKeepalive = 25 for the public host, on the peer";
  for (const DoctorFacts::SilentPeer& one : facts.silent_peers) {
    say(Level::warning, "keepalive",
        fmt::format("{} has been silent for {} s, last heard at {} by {}", one.peer, one.seconds,
                    one.endpoint, one.source),
        remedy + ", unless it has just gone off");
  }
  if (facts.silent_count > facts.silent_peers.size()) {
    say(Level::warning, "keepalive",
        fmt::format("and {} other peers are silent like these",
                    facts.silent_count - facts.silent_peers.size()),
        remedy);
  }
  if (facts.stale > 0) {
    say(Level::note, "peers", fmt::format("{} peers are stale", facts.stale),
        fmt::format("off, or no keepalive: {}", remedy));
  }
  if (facts.never_seen > 0) {
    say(Level::note, "peers", fmt::format("{} peers were never seen", facts.never_seen),
        "wg show on such a peer: is its handshake with the public host complete?");
  }
  say(Level::ok, "peers",
      fmt::format("{} registered, {} heard within a keepalive", facts.registered, facts.heard));
}

const DoctorFacts::Server* Examination::stated(const dns::Name& server) const {
  if (!facts_) return nullptr;
  const auto found = std::find_if(facts_->servers.begin(), facts_->servers.end(),
                                  [&](const auto& one) { return one.name == server; });
  return found == facts_->servers.end() ? nullptr : &*found;
}

bool Examination::is_translated(const base::IpAddress& address) const {
  if (!facts_) return false;
  for (const DoctorFacts::Server& server : facts_->servers) {
    for (const DoctorFacts::Address& one : server.addresses) {
      if (one.address == address) return !one.is_on_host;
    }
  }
  return false;
}

}  // namespace

std::vector<Diagnosis> examine(const dns::Name& zone, const std::optional<DoctorFacts>& facts,
                               dns::Outside& outside) {
  return Examination(zone, facts, outside).run();
}

}  // namespace dnsd
