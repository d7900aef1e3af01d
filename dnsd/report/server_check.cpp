#include "dnsd/report/server_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace dnsd {
namespace {

using dns::RrType;
using dns::Transport;
using Level = Diagnosis::Level;

/// Secondaries and caches lag behind; a server of another zone shows a serial of another kind.
constexpr std::uint32_t serial_tolerance = 100'000;

constexpr std::string_view port_remedy =
    "open 53/udp and 53/tcp for it in the firewall and in the cloud's security group; this host "
    "cannot see it as others do: run wg-dnsd doctor --zone {} on another machine to be sure";

/// Whether the address is translated to this host.
bool is_translated(const Examined& examined, const base::IpAddress& address) {
  if (!examined.facts) return false;
  for (const DoctorFacts::Server& server : examined.facts->servers) {
    for (const DoctorFacts::Address& one : server.addresses) {
      if (one.address == address) return !one.is_on_host;
    }
  }
  return false;
}

/// \return whether the server answers as it should.
bool check_reply(const Examined& examined, const base::IpAddress& address, Transport transport,
                 Findings& findings) {
  const bool is_udp = transport == Transport::udp;
  const std::string check = is_udp ? "udp" : "tcp";
  const std::string place = fmt::format("{} over {}", address.to_string(), is_udp ? "UDP" : "TCP");
  const auto reply = examined.outside.ask(address, transport, examined.zone, RrType::soa);
  if (!reply && reply.error() == dns::ServerError::unreachable) {
    findings.say(Level::note, check,
                 fmt::format("{} cannot be asked: {}", place, to_string(reply.error())),
                 fmt::format("wg-dnsd doctor --zone {} on a machine that has {}",
                             examined.zone.to_string(), address.is_ipv4() ? "IPv4" : "IPv6"));
    return false;
  }
  if (!reply) {
    findings.say(is_translated(examined, address) ? Level::warning : Level::problem, check,
                 fmt::format("{} does not answer: {}{}", place, to_string(reply.error()),
                             is_translated(examined, address)
                                 ? " (a NAT may keep this host from its own address)"
                                 : ""),
                 fmt::format(port_remedy, examined.zone.to_string()));
    return false;
  }
  const dns::SoaRecord* soa = find_soa(reply->answer, examined.zone);
  if (reply->rcode != dns::Rcode::noerror || !reply->authoritative || soa == nullptr) {
    findings.say(
        Level::problem, check,
        fmt::format("{} answers {}{} for {}", place, dns::to_string(reply->rcode),
                    reply->authoritative ? "" : ", without authority,", examined.zone.to_string()),
        "another name server has that address, or wg-dnsd serves another zone there");
    return false;
  }
  const std::uint32_t ahead =
      examined.facts ? soa->serial - examined.facts->serial : 0;  // RFC 1982
  if (std::min(ahead, 0 - ahead) > serial_tolerance) {
    findings.say(Level::warning, check,
                 fmt::format("{} has serial {}, and wg-dnsd {}: another server answers there",
                             place, soa->serial, examined.facts->serial),
                 "stop it, or make it a secondary that follows");
    return false;
  }
  return true;
}

/// Whether a question to the address does not pass what is in front of this host.
bool is_local(const Examined& examined, const base::IpAddress& address) {
  return examined.outside.is_own(address) || is_translated(examined, address);
}

bool check_server(const Examined& examined, const base::IpAddress& address, Findings& findings) {
  const bool udp = check_reply(examined, address, Transport::udp, findings);
  const bool tcp = check_reply(examined, address, Transport::tcp, findings);
  if (!udp || !tcp) return false;
  findings.say(Level::ok, "answers",
               fmt::format("{} answers over UDP and TCP{}", address.to_string(),
                           is_local(examined, address) ? ", asked from this host" : ""));
  return true;
}

}  // namespace

std::optional<base::IpAddress> check_servers(const Examined& examined, const Addresses& addresses,
                                             Findings& findings) {
  std::optional<base::IpAddress> answering;
  std::string untested;
  for (const base::IpAddress& address : addresses) {
    if (!check_server(examined, address, findings)) continue;
    if (!answering) answering = address;
    if (is_local(examined, address))
      untested += (untested.empty() ? "" : ", ") + address.to_string();
  }
  if (!untested.empty()) {
    findings.say(
        Level::note, "outside", fmt::format("{}: ok from this host; outside not tested", untested),
        fmt::format("run on another machine: wg-dnsd doctor --zone {}", examined.zone.to_string()));
  }
  if (addresses.empty()) {
    findings.say(Level::problem, "answers",
                 "no address of a name server is known, so none could be asked",
                 "the findings above come first");
  }
  return answering;
}

}  // namespace dnsd
