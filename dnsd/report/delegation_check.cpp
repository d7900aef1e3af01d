// The part of the doctor that asks the parent zone: which zone is the parent, what its servers say
// of ours, and how that differs from what the zone itself says. Runs in the process of `wg-dnsd
// doctor`, not in the daemon, and asks one question after the other. Whether the servers answer is
// checked in server_check.
#include "dnsd/report/delegation_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <variant>

namespace dnsd {
namespace {

using dns::RrType;
using dns::Transport;
using Level = Diagnosis::Level;

/// Servers of the parent zone that are asked; no zone needs more to be served.
constexpr std::size_t max_parent_servers = 8;

constexpr std::string_view paste_remedy =
    "add the records for the parent zone to {}, where that zone is managed";

const dns::Name* name_of(const dns::ReplyRecord& record, RrType type) {
  return record.type == type ? std::get_if<dns::Name>(&record.data) : nullptr;
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

/// The zone that ours is delegated from: the next one above, whose SOA a resolver knows.
std::optional<dns::Name> find_parent(const Examined& examined, Findings& findings) {
  for (dns::Name name(examined.zone.view().parent());; name = dns::Name(name.view().parent())) {
    const auto reply = examined.outside.resolve(name, RrType::soa);
    if (!reply) {
      findings.say(
          Level::problem, "resolver",
          fmt::format("this host's resolver fails for {}: {}", name.to_string(),
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

Addresses addresses_of(const dns::Name& name, dns::Outside& outside) {
  Addresses result;
  for (const RrType type : {RrType::a, RrType::aaaa}) {
    const auto reply = outside.resolve(name, type);
    if (!reply) continue;
    for (const dns::ReplyRecord& record : reply->answer) {
      if (const auto* address = std::get_if<base::IpAddress>(&record.data))
        add_address(result, *address);
    }
  }
  return result;
}

std::optional<Delegation> ask_parent_server(const Examined& examined, const dns::Name& parent,
                                            const dns::Name& server, Findings& findings) {
  for (const base::IpAddress& address : addresses_of(server, examined.outside)) {
    const auto reply = examined.outside.ask(address, Transport::udp, examined.zone, RrType::ns);
    if (!reply) continue;
    if (reply->rcode != dns::Rcode::noerror && reply->rcode != dns::Rcode::nxdomain) {
      findings.say(Level::note, "delegation",
                   fmt::format("{} ({}) answers {} for {}", server.to_string(), address.to_string(),
                               dns::to_string(reply->rcode), parent.to_string()),
                   "that is for the operator of the parent zone");
      continue;
    }
    Delegation delegation;
    for (const auto* section : {&reply->answer, &reply->authority}) {
      for (const dns::ReplyRecord& record : *section) {
        const dns::Name* name = name_of(record, RrType::ns);
        if (name != nullptr && record.owner == examined.zone) delegation.servers.push_back(*name);
      }
    }
    for (const dns::ReplyRecord& record : reply->additional) {
      const auto* glue = std::get_if<base::IpAddress>(&record.data);
      if (glue != nullptr) add_address(delegation.glue[record.owner], *glue);
    }
    std::sort(delegation.servers.begin(), delegation.servers.end());
    for (auto& [name, glue] : delegation.glue) std::sort(glue.begin(), glue.end());
    return delegation;
  }
  return std::nullopt;
}

std::optional<Delegation> ask_parent(const Examined& examined, const dns::Name& parent,
                                     Findings& findings) {
  std::vector<dns::Name> servers;
  if (const auto reply = examined.outside.resolve(parent, RrType::ns)) {
    for (const dns::ReplyRecord& record : reply->answer) {
      const dns::Name* server = name_of(record, RrType::ns);
      if (server != nullptr && servers.size() < max_parent_servers) servers.push_back(*server);
    }
  }
  std::optional<Delegation> first;
  for (const dns::Name& server : servers) {
    auto delegation = ask_parent_server(examined, parent, server, findings);
    if (!delegation) continue;
    if (first && *first != *delegation) {
      findings.say(Level::warning, "delegation",
                   fmt::format("the servers of {} do not agree on {}: {} differs",
                               parent.to_string(), examined.zone.to_string(), server.to_string()),
                   "a change is under way: wait, and look again");
    }
    if (!first) first = std::move(delegation);
  }
  if (!first) {
    findings.say(Level::warning, "delegation",
                 fmt::format("no server of {} ({}) can be asked from here", parent.to_string(),
                             join(servers)),
                 "allow DNS to the outside, or run wg-dnsd doctor --zone on another machine");
  }
  return first;
}

using Stated = std::vector<DoctorFacts::Server>;

/// What the zone itself says of its name servers, asked of the first of these addresses that
/// answers. Over TCP: a closed port is told at once, and no reply is cut.
Stated ask_zone(const Examined& examined, const Addresses& addresses) {
  for (const base::IpAddress& address : addresses) {
    const auto reply = examined.outside.ask(address, Transport::tcp, examined.zone, RrType::ns);
    if (!reply || !reply->authoritative) continue;
    Stated stated;
    for (const dns::ReplyRecord& record : reply->answer) {
      const dns::Name* server = name_of(record, RrType::ns);
      if (server == nullptr || record.owner != examined.zone) continue;
      DoctorFacts::Server one{*server, {}};
      for (const RrType type : {RrType::a, RrType::aaaa}) {
        const auto places = examined.outside.ask(address, Transport::tcp, *server, type);
        if (!places) continue;
        for (const dns::ReplyRecord& place : places->answer) {
          if (const auto* found = std::get_if<base::IpAddress>(&place.data))
            one.addresses.push_back({*found});
        }
      }
      stated.push_back(std::move(one));
    }
    if (!stated.empty()) return stated;
  }
  return {};
}

void compare_servers(const Examined& examined, const dns::Name& parent,
                     const Delegation& delegation, const Stated& stated, Findings& findings) {
  if (stated.empty()) return;
  std::vector<dns::Name> named;
  for (const DoctorFacts::Server& server : stated) named.push_back(server.name);
  const auto missing = without(named, delegation.servers);
  const auto foreign = without(delegation.servers, named);
  if (missing.empty() && foreign.empty()) return;
  findings.say(
      foreign.empty() ? Level::warning : Level::problem, "delegation",
      fmt::format("{} delegates {} to {}; the zone itself names {}", parent.to_string(),
                  examined.zone.to_string(), join(delegation.servers), join(named)),
      fmt::format("replace the NS records in {} with those printed for the parent zone, or set ns: "
                  "to those in the parent zone",
                  parent.to_string()));
}

void compare_glue(const Stated& stated, const dns::Name& parent, const dns::Name& server,
                  const Addresses& glue, Findings& findings) {
  const std::string in_parent = fmt::format("in {}", parent.to_string());
  if (glue.empty()) {
    findings.say(
        Level::problem, "glue",
        fmt::format("{} names {} without an address", parent.to_string(), server.to_string()),
        fmt::format(paste_remedy, parent.to_string()));
    return;
  }
  const auto own = std::find_if(stated.begin(), stated.end(),
                                [&](const auto& one) { return one.name == server; });
  if (own == stated.end() || own->addresses.empty()) return;
  Addresses wanted;
  for (const DoctorFacts::Address& one : own->addresses) wanted.push_back(one.address);
  const Addresses wrong = without(glue, wanted);
  const Addresses missing = without(wanted, glue);
  if (!wrong.empty()) {
    findings.say(
        Level::problem, "glue",
        fmt::format("{} says that {} is at {}; it is at {}", parent.to_string(), server.to_string(),
                    join(wrong), join(wanted)),
        fmt::format("correct the A and AAAA records of {} {}", server.to_string(), in_parent));
  } else if (!missing.empty()) {
    findings.say(Level::warning, "glue",
                 fmt::format("{} does not say that {} is also at {}", parent.to_string(),
                             server.to_string(), join(missing)),
                 fmt::format("add it {}", in_parent));
  } else {
    findings.say(Level::ok, "glue", fmt::format("{} is at {}", server.to_string(), join(glue)));
  }
}

}  // namespace

DelegationCheck check_delegation(const Examined& examined, Findings& findings) {
  DelegationCheck result;
  const auto parent = find_parent(examined, findings);
  if (!parent) {
    result.resolver_works = false;
    return result;
  }
  const std::size_t before = findings.count();
  const auto delegation = ask_parent(examined, *parent, findings);
  if (!delegation) return result;
  if (delegation->servers.empty()) {
    findings.say(
        Level::problem, "delegation",
        fmt::format("{} does not delegate {}", parent->to_string(), examined.zone.to_string()),
        fmt::format(paste_remedy, parent->to_string()));
    return result;
  }
  const auto needs_glue = [&](const dns::Name& server) {
    return server.view().is_at_or_below(examined.zone);
  };
  const auto find_glue = [&](const dns::Name& server) {
    const auto found = delegation->glue.find(server);
    return found != delegation->glue.end() ? found->second : Addresses();
  };
  for (const dns::Name& server : delegation->servers) {
    for (const base::IpAddress& address :
         needs_glue(server) ? find_glue(server) : addresses_of(server, examined.outside))
      add_address(result.addresses, address);
  }
  result.stated = examined.facts ? examined.facts->servers : ask_zone(examined, result.addresses);
  compare_servers(examined, *parent, *delegation, result.stated, findings);
  findings.say_ok_since(before, "delegation",
                        fmt::format("{} delegates {} to {}", parent->to_string(),
                                    examined.zone.to_string(), join(delegation->servers)));
  for (const dns::Name& server : delegation->servers) {
    if (needs_glue(server))
      compare_glue(result.stated, *parent, server, find_glue(server), findings);
  }
  return result;
}

}  // namespace dnsd
