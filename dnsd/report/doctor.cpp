#include "dnsd/report/doctor.hpp"

#include <fmt/format.h>

#include <string>

#include "dns/keeping.hpp"
#include "dnsd/report/delegation_check.hpp"
#include "dnsd/report/findings.hpp"
#include "dnsd/report/server_check.hpp"
#include "schema/owner_name.hpp"

namespace dnsd {
namespace {

using dns::RrType;
using dns::Transport;
using Level = Diagnosis::Level;

void check_daemon(const DoctorFacts& facts, Findings& findings) {
  const Level level = facts.state == 0   ? Level::ok
                      : facts.state == 1 ? Level::warning
                                         : Level::problem;
  if (level == Level::ok)
    return findings.say(level, "daemon", "wg-dnsd runs, and nothing that it needs fails");
  for (const std::string& problem : facts.problems) {
    findings.say(level, "daemon", problem, "wg-dnsd status and its log say more");
  }
  if (facts.problems.empty())
    findings.say(level, "daemon", "wg-dnsd is not in order", "wg-dnsd status");
}

void say_private(const DoctorFacts::Server& server, const base::IpAddress& address,
                 Findings& findings) {
  findings.say(Level::problem, "address",
               fmt::format("{}, the address of {}, is private: nobody outside can reach it",
                           address.to_string(), server.name.to_string()),
               fmt::format("ns: {}=PUBLIC-ADDRESS, the address that is translated to this host "
                           "(1:1 NAT), or a record of the zone file",
                           server.name.to_string()));
}

/// The addresses that the zone gives to its name servers, as far as this host alone can judge.
void check_addresses(const DoctorFacts& facts, Findings& findings) {
  const std::size_t before = findings.count();
  for (const std::string& advice : facts.advice) {
    findings.say(Level::problem, "address", advice, "ns: NAME=PUBLIC-ADDRESS in the configuration");
  }
  for (const DoctorFacts::Server& server : facts.servers) {
    for (const DoctorFacts::Address& one : server.addresses) {
      const std::string place =
          fmt::format("{}, the address of {}", one.address.to_string(), server.name.to_string());
      if (one.address.scope() != base::AddressScope::global) {
        say_private(server, one.address, findings);
      } else if (!one.is_on_host) {
        findings.say(Level::note, "address",
                     place + ", is not one of this host's: right behind 1:1 NAT, wrong elsewhere",
                     "if there is no NAT, correct ns: or the zone file");
      } else if (!one.is_listened) {
        findings.say(Level::warning, "address", place + ", has no public listener on port 53",
                     "listen on it, unless something passes its port 53 on to wg-dnsd");
      }
    }
  }
  findings.say_ok_since(before, "address",
                        "the zone's name servers have this host's public addresses");
}

void check_views(const DoctorFacts& facts, Findings& findings) {
  for (const std::string& place : facts.exposed) {
    findings.say(
        Level::warning, "private",
        fmt::format("strangers reach the private listener {}: they see names, allowed-ips, "
                    "times and the list of peers",
                    place),
        "listen-private: an address of the WireGuard interface, which answers only what "
        "came through it, or a private address");
  }
  if (facts.exposed.empty())
    findings.say(Level::ok, "private", "no private listener is on a public address");
}

/// A record with the TTL of endpoints: the SRV of a key of the public host, because some resolvers
/// keep no TXT; or else the TXT that every zone of wg-dnsd has.
std::optional<dns::KeepingProbe> ask_for_probe(const Examined& examined) {
  const std::string text = examined.facts ? examined.facts->probe : "";
  if (const auto name = dns::Name::parse(text); name && !text.empty()) {
    dns::KeepingProbe probe(examined.outside, *name, RrType::srv);
    if (probe.has_record()) return probe;
  }
  const auto service =
      dns::Name::join({schema::service_label, schema::protocol_label}, examined.zone);
  if (!service) return std::nullopt;
  return dns::KeepingProbe(examined.outside, *service, RrType::txt);
}

void check_keeping(dns::KeepingProbe& probe, const base::IpAddress& answering, Findings& findings) {
  const auto seen = probe.finish(answering);
  if (!seen) return;
  const std::string text = "this host's resolver " + dns::describe(*seen);
  if (seen->keeping == dns::Keeping::right) return findings.say(Level::ok, "ttl", text);
  findings.say(Level::warning, "ttl", text,
               fmt::format("{}; peers behind such a resolver use wg-updater --server",
                           dns::remedy_of(seen->keeping)));
}

void check_resolver(const Examined& examined, Findings& findings) {
  const auto reply = examined.outside.resolve(examined.zone, RrType::soa);
  const bool is_answer = reply && find_soa(reply->answer, examined.zone) != nullptr;
  if (!is_answer) {
    findings.say(
        Level::problem, "resolver",
        fmt::format("this host's resolver finds no {}: {}", examined.zone.to_string(),
                    reply ? dns::to_string(reply->rcode) : std::string(to_string(reply.error()))),
        "the findings above are the reason; if there are none, it remembers an older state: wait "
        "for at most an hour, or flush its cache");
    return;
  }
  findings.say(Level::ok, "resolver",
               fmt::format("this host's resolver finds {}", examined.zone.to_string()));
}

void check_peers(const DoctorFacts& facts, Findings& findings) {
  const std::string remedy = "set PersistentKeepalive = 25 for the public host on the peer";
  for (const DoctorFacts::SilentPeer& one : facts.silent_peers) {
    findings.say(Level::warning, "keepalive",
                 fmt::format("{} has been silent for {} s, last heard at {} by {}", one.peer,
                             one.seconds, one.endpoint, one.source),
                 remedy + ", unless the peer was just switched off");
  }
  if (facts.silent_count > facts.silent_peers.size()) {
    findings.say(Level::warning, "keepalive",
                 fmt::format("and {} other peers are silent like these",
                             facts.silent_count - facts.silent_peers.size()),
                 remedy);
  }
  if (facts.stale > 0) {
    findings.say(Level::warning, "peers",
                 fmt::format("{} of {} registered peers are stale: nobody reaches them",
                             facts.stale, facts.registered),
                 fmt::format("they are switched off, or send no keepalive: {}", remedy));
  }
  if (facts.hinted > 0) {
    findings.say(Level::note, "peers",
                 fmt::format("{} peers are published where a file of peers knew them, because no "
                             "source has seen them",
                             facts.hinted),
                 "if that is their place for good, say so: fixed: yes, see wg-dnsd.yaml(5)");
  }
  if (facts.never_seen > 0) {
    const bool is_nobody_seen = facts.never_seen == facts.registered;
    findings.say(
        Level::warning, "peers",
        fmt::format("{} of {} registered peers were never seen: nobody reaches them",
                    facts.never_seen, facts.registered),
        is_nobody_seen
            ? "is the UDP port of WireGuard, or of the point, open in the firewall and in the "
              "cloud's security group? From here it cannot be tested. Outside, on a peer: wg show "
              "says '0 B received' while it is closed"
            : "wg show on such a peer: is its handshake with the public host complete?");
  }
  findings.say(
      Level::ok, "peers",
      fmt::format("{} registered, {} heard within a keepalive", facts.registered, facts.heard));
}

/// The addresses that the zone gives to its name servers.
Addresses stated_addresses(const DoctorFacts& facts) {
  Addresses result;
  for (const DoctorFacts::Server& server : facts.servers) {
    for (const DoctorFacts::Address& one : server.addresses) add_address(result, one.address);
  }
  return result;
}

}  // namespace

std::vector<Diagnosis> examine(const dns::Name& zone, const std::optional<DoctorFacts>& facts,
                               dns::Outside& outside) {
  const Examined examined{zone, facts, outside};
  Findings findings;
  if (facts) {
    check_daemon(*facts, findings);
    check_addresses(*facts, findings);
    check_views(*facts, findings);
  }
  const DelegationCheck delegation = check_delegation(examined, findings);
  Addresses servers = facts ? stated_addresses(*facts) : Addresses();
  for (const base::IpAddress& address : delegation.addresses) add_address(servers, address);
  if (!facts) {
    for (const DoctorFacts::Server& server : delegation.stated) {
      for (const DoctorFacts::Address& one : server.addresses) {
        if (one.address.scope() != base::AddressScope::global)
          say_private(server, one.address, findings);
      }
    }
  }
  // Its first question is early, so that the record expires during the other checks.
  auto probe = delegation.resolver_works ? ask_for_probe(examined) : std::nullopt;
  const auto answering = check_servers(examined, servers, findings);
  if (delegation.resolver_works) check_resolver(examined, findings);
  if (probe && answering) check_keeping(*probe, *answering, findings);
  if (facts) {
    check_peers(*facts, findings);
  } else {
    findings.say(Level::note, "daemon", "not asked: its interfaces and its peers are not judged",
                 "wg-dnsd doctor on the public host");
  }
  return findings.take();
}

}  // namespace dnsd
