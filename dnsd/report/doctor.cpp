#include "dnsd/report/doctor.hpp"

#include <fmt/format.h>

#include <string>

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
        findings.say(
            Level::problem, "address", place + ", is private: nobody outside can reach it",
            fmt::format("ns: {}=PUBLIC-ADDRESS, the address that is translated to this host (1:1 "
                        "NAT), or a record of the zone file",
                        server.name.to_string()));
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

/// Compares the TTL of a TXT record that every zone of wg-dnsd has, which is that of endpoints.
/// \param answering an address that answers for the zone
void check_ttl(const Examined& examined, const base::IpAddress& answering, Findings& findings) {
  const auto service =
      dns::Name::join({schema::service_label, schema::protocol_label}, examined.zone);
  if (!service) return;
  const auto ours = examined.outside.ask(answering, Transport::udp, *service, RrType::txt);
  const auto seen = examined.outside.resolve(*service, RrType::txt);
  if (!ours || !seen || ours->answer.empty() || seen->answer.empty()) return;
  const std::uint32_t said = ours->answer.front().ttl.seconds;
  const std::uint32_t kept = seen->answer.front().ttl.seconds;
  if (kept <= said) {
    return findings.say(Level::ok, "ttl",
                        fmt::format("it keeps endpoints for no longer than {} s", said));
  }
  findings.say(
      Level::warning, "ttl",
      fmt::format("this host's resolver keeps endpoints for {} s or more; the zone says {} s", kept,
                  said),
      "remove its minimum TTL (unbound: cache-min-ttl: 0); peers behind such a resolver use "
      "wg-updater --server");
}

void check_resolver(const Examined& examined, const std::optional<base::IpAddress>& answering,
                    Findings& findings) {
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
  if (answering) check_ttl(examined, *answering, findings);
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
    findings.say(Level::note, "peers", fmt::format("{} peers are stale", facts.stale),
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
    findings.say(Level::note, "peers", fmt::format("{} peers were never seen", facts.never_seen),
                 "wg show on such a peer: is its handshake with the public host complete?");
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
  const auto answering = check_servers(examined, servers, findings);
  if (delegation.resolver_works) check_resolver(examined, answering, findings);
  if (facts) check_peers(*facts, findings);
  return findings.take();
}

}  // namespace dnsd
