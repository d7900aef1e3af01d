// What `wg-dnsd status` and `wg-dnsd peers` print, each as text and as JSON, from values that
// control/commands gathers. Pure; control thread.
#include "dnsd/report/status.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "control/form.hpp"
#include "dnsd/peers/ptr_lists.hpp"

namespace dnsd {
namespace {

using Json = nlohmann::ordered_json;

std::string_view to_string(Health health) {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::degraded:
      return "degraded";
    case Health::down:
      break;
  }
  return "down";
}

std::string describe_duration(std::chrono::seconds duration) {
  const auto days = std::chrono::duration_cast<std::chrono::days>(duration);
  const auto rest = duration - days;
  return days.count() > 0 ? fmt::format("{} d {:%H:%M:%S}", days.count(), rest)
                          : fmt::format("{:%H:%M:%S}", rest);
}

Json counters_json(const Served::Counters& counters) {
  return {{"queries", counters.queries.load(std::memory_order_relaxed)},
          {"replies", counters.replies.load(std::memory_order_relaxed)},
          {"dropped", counters.dropped.load(std::memory_order_relaxed)}};
}

std::string counters_text(const Served::Counters& counters) {
  return fmt::format("{} queries, {} replies, {} dropped",
                     counters.queries.load(std::memory_order_relaxed),
                     counters.replies.load(std::memory_order_relaxed),
                     counters.dropped.load(std::memory_order_relaxed));
}

struct EngineCount {
  const char* word;
  std::uint64_t noise::EngineCounters::*count;
};
/// Counters of the datagrams that get no reply.
constexpr std::array<EngineCount, 8> ignored_counts{
    {{"malformed", &noise::EngineCounters::malformed},
     {"wrong mac1", &noise::EngineCounters::wrong_mac1},
     {"not registered", &noise::EngineCounters::unregistered},
     {"not authentic", &noise::EngineCounters::not_authentic},
     {"old timestamp", &noise::EngineCounters::old_timestamp},
     {"too many", &noise::EngineCounters::limited},
     {"unknown session", &noise::EngineCounters::unknown_session},
     {"replayed", &noise::EngineCounters::replayed}}};

Json points_json(const std::vector<PointStatus>& points) {
  Json result = Json::array();
  for (const PointStatus& point : points) {
    Json ignored = Json::object();
    for (const EngineCount& one : ignored_counts)
      ignored[control::to_member_name(one.word)] = point.counters.*one.count;
    result.push_back({{"endpoint", point.name},
                      {"handshakes", point.counters.handshakes},
                      {"cookies", point.counters.cookies},
                      {"ignored", ignored},
                      {"relay", relay_json(point.relay)}});
  }
  return result;
}

std::string point_text(const PointStatus& point) {
  std::string reasons;
  for (const EngineCount& one : ignored_counts) {
    if (point.counters.*one.count > 0)
      reasons += fmt::format(", {} {}", point.counters.*one.count, one.word);
  }
  return fmt::format("{} {} handshakes, {} cookies{}", point.name, point.counters.handshakes,
                     point.counters.cookies, reasons);
}

Json tunnel_json(const InnerCounters& counters) {
  Json dropped = Json::object();
  for (std::size_t i = 0; i < inner_drop_count; ++i)
    dropped[std::string(to_string(static_cast<InnerDrop>(i)))] = counters.dropped.at(i).load();
  return {{"packets", counters.packets.load()},
          {"queries", counters.queries.load()},
          {"updates", counters.updates.load()},
          {"echoes", counters.echoes.load()},
          {"dropped", dropped}};
}

std::string tunnel_text(const InnerCounters& counters) {
  std::string reasons;
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < inner_drop_count; ++i) {
    const std::uint64_t count = counters.dropped.at(i).load();
    dropped += count;
    if (count > 0)
      reasons += fmt::format("{}{} {}", reasons.empty() ? ": " : ", ",
                             to_string(static_cast<InnerDrop>(i)), count);
  }
  return fmt::format("{} queries, {} updates, {} pings, {} dropped{}", counters.queries.load(),
                     counters.updates.load(), counters.echoes.load(), dropped, reasons);
}

/// The published endpoints, IPv6 first as in SRV.
std::vector<std::string> endpoints(const PeerRecord& peer) {
  std::vector<std::string> result;
  for (const auto* endpoint : {&peer.ipv6, &peer.ipv4}) {
    if (*endpoint) result.push_back((*endpoint)->to_string());
  }
  if (result.empty() && peer.detail->host_target) {
    const HostTarget& target = *peer.detail->host_target;
    result.push_back(fmt::format("{}:{}", target.name.to_string(), base::to_number(target.port)));
  }
  return result;
}

std::vector<std::string> describe(const PeerOddity& oddity) {
  std::vector<std::string> words;
  if (oddity.is_flapping)
    words.emplace_back("to and fro between two places: is its key used on two machines?");
  if (oddity.clock_behind.count() > 0)
    words.push_back(
        fmt::format("clock behind by {} s: see wg-dnsd peer reset", oddity.clock_behind.count()));
  return words;
}

void add_json(Json& json, const PeerOddity& oddity) {
  json["flapping"] = oddity.is_flapping;
  json["clock_behind_seconds"] =
      oddity.clock_behind.count() > 0 ? Json(oddity.clock_behind.count()) : Json(nullptr);
}

/// Only an endpoint from a file of peers has an age and was never confirmed.
bool is_hint(const PeerRecord& peer) {
  return peer.stale && peer.since == base::WallTime{};
}

/// An endpoint that only the configuration names was never confirmed, and has no such time.
bool has_since(const PeerRecord& peer) {
  return (peer.ipv4 || peer.ipv6) && peer.since != base::WallTime{};
}

}  // namespace

std::vector<std::string> problems_of(const DaemonStatus& status) {
  std::vector<std::string> problems;
  if (!status.is_ready) {
    problems.emplace_back("not every source has been read yet: unknown keys get SERVFAIL");
  }
  if (!status.reload_problem.empty())
    problems.push_back("the last reload failed: " + status.reload_problem);
  problems.insert(problems.end(), status.config_errors.begin(), status.config_errors.end());
  for (const ListenerStatus& one : status.listeners) {
    if (one.is_missed)
      problems.push_back(fmt::format("not listening on {}: {}", one.address, one.problem));
  }
  for (const SourceStatus& one : status.observatory.sources) {
    if (!one.problem.empty()) problems.push_back(fmt::format("{}: {}", one.name, one.problem));
  }
  return problems;
}

Health judge(const DaemonStatus& status) {
  const auto& listeners = status.listeners;
  const auto is_listening = [](const ListenerStatus& one) { return one.is_listening; };
  if (std::none_of(listeners.begin(), listeners.end(), is_listening)) return Health::down;
  return problems_of(status).empty() ? Health::ok : Health::degraded;
}

std::string status_text(const DaemonStatus& status, const Served& served) {
  const ObservatoryStatus& observatory = status.observatory;
  std::string text = fmt::format("wg-dnsd {}: {}\n", base::version, to_string(judge(status)));
  const auto line = [&text](std::string_view what, const std::string& value) {
    text += fmt::format("{:<12} {}\n", what, value);
  };
  line("zone", fmt::format("{} serial {}", status.zone, observatory.serial));
  line("up", describe_duration(status.uptime));
  if (!status.is_ready) {
    line("not ready", "not every source has been read yet: unknown keys get SERVFAIL");
  }
  if (!status.reload_problem.empty()) line("reload", "failed: " + status.reload_problem);
  for (const std::string& error : status.config_errors) line("wrong", error);
  for (const ListenerStatus& one : status.listeners) {
    line(one.is_listening ? "listening" : "not listening",
         fmt::format("{} {}{}{}", one.address, to_string(one.view), one.problem.empty() ? "" : ": ",
                     one.problem));
  }
  for (const SourceStatus& one : observatory.sources) {
    line("source", one.problem.empty() ? fmt::format("{}: {} peers{}", one.name, one.peers,
                                                     one.readable ? "" : ", not read yet")
                                       : fmt::format("{}: {}", one.name, one.problem));
  }
  line("peers",
       fmt::format("{} registered, {} with an endpoint, {} of them stale", status.peers.registered,
                   status.peers.with_endpoint, status.peers.stale));
  if (observatory.public_list_cut > 0 || observatory.private_list_cut > 0) {
    line("list",
         fmt::format("{} peers are cut from the private list, {} from the public one "
                     "(list-max, at most {})",
                     observatory.private_list_cut, observatory.public_list_cut, max_listed));
  }
  if (!observatory.durable) line("state", "in memory only: it does not survive a restart");
  line("UDP", counters_text(served.udp));
  line("TCP", fmt::format("{}, {} connections", counters_text(served.tcp),
                          served.tcp_connections.load(std::memory_order_relaxed)));
  for (const PointStatus& point : status.points) {
    line("point", point_text(point));
    line("relay", fmt::format("{} {}", point.name, relay_text(point.relay)));
  }
  for (const OddPeer& one : status.odd_peers)
    line("peer", fmt::format("{}: {}", wg::describe_peer(one.name, one.key),
                             fmt::join(describe(one.oddity), "; ")));
  if (status.tunnel != nullptr) line("tunnels", tunnel_text(*status.tunnel));
  return text;
}

std::string status_json(const DaemonStatus& status, const Served& served) {
  const ObservatoryStatus& observatory = status.observatory;
  Json listeners = Json::array();
  for (const ListenerStatus& one : status.listeners) {
    listeners.push_back({{"endpoint", one.address},
                         {"view", to_string(one.view)},
                         {"listening", one.is_listening},
                         {"problem", control::text_or_null(one.problem)}});
  }
  Json sources = Json::array();
  for (const SourceStatus& one : observatory.sources) {
    sources.push_back({{"name", one.name},
                       {"readable", one.readable},
                       {"peer_count", one.peers},
                       {"problem", control::text_or_null(one.problem)}});
  }
  Json tcp = counters_json(served.tcp);
  tcp["connections"] = served.tcp_connections.load(std::memory_order_relaxed);
  Json json = {
      {"state", to_string(judge(status))},
      {"zone", status.zone},
      {"serial", observatory.serial},
      {"uptime_seconds", status.uptime.count()},
      {"ready", status.is_ready},
      {"reload_problem", control::text_or_null(status.reload_problem)},
      {"config_errors", status.config_errors},
      {"listeners", listeners},
      {"sources", sources},
      {"peer_counts",
       {{"registered", status.peers.registered},
        {"with_endpoint", status.peers.with_endpoint},
        {"stale", status.peers.stale}}},
      {"list_cut",
       {{"public", observatory.public_list_cut}, {"private", observatory.private_list_cut}}},
      {"durable", observatory.durable},
      {"udp", counters_json(served.udp)},
      {"tcp", tcp},
      {"points", points_json(status.points)},
      {"tunnel", status.tunnel == nullptr ? Json(nullptr) : tunnel_json(*status.tunnel)},
      {"odd_peers", Json::array()}};
  for (const OddPeer& one : status.odd_peers) {
    Json peer{{"public_key", one.key.to_base64()}, {"name", control::text_or_null(one.name)}};
    add_json(peer, one.oddity);
    json["odd_peers"].push_back(std::move(peer));
  }
  return control::write_form(json);
}

std::string peer_text(const wg::PublicKey& key, const PeerRecord& peer, const PeerOddity& oddity,
                      std::span<const RelayedTo> relayed, std::span<const ToldWay> ways) {
  std::string line = key.to_base64();
  line += fmt::format(" {:<16}", peer.detail->name.empty() ? "-" : peer.detail->name);
  const auto where = endpoints(peer);
  line += fmt::format(" {}", where.empty() ? "-" : fmt::to_string(fmt::join(where, ",")));
  if (has_since(peer))
    line += fmt::format(" since {:%FT%TZ}", fmt::gmtime(peer.since.time_since_epoch().count()));
  if (peer.stale)
    line += fmt::format(" {} {:%FT%TZ}",
                        is_hint(peer) ? "hint from a file, as old as" : "stale, last seen",
                        fmt::gmtime(peer.stale->time_since_epoch().count()));
  if (peer.detail->is_hub) line += " hub";
  for (const std::string& words : describe(oddity)) line += " (" + words + ")";
  if (!relayed.empty()) line += " " + relayed_text(relayed);
  if (!ways.empty()) line += " " + ways_text(ways);
  return line + "\n";
}

std::string peer_json(const wg::PublicKey& key, const PeerRecord& peer, const PeerOddity& oddity,
                      std::span<const RelayedTo> relayed, std::span<const ToldWay> ways) {
  Json json{{"public_key", key.to_base64()}, {"name", control::text_or_null(peer.detail->name)}};
  json["published_endpoints"] = endpoints(peer);
  json["allowed_ips"] = Json::array();
  for (const base::Prefix& one : peer.detail->allowed_ips) {
    json["allowed_ips"].push_back(one.to_string());
  }
  json["since"] = has_since(peer) ? Json(peer.since.time_since_epoch().count()) : Json(nullptr);
  json["last_seen"] = peer.stale ? Json(peer.stale->time_since_epoch().count()) : Json(nullptr);
  json["stale"] = peer.stale.has_value();
  json["hinted"] = is_hint(peer);
  json["hub"] = peer.detail->is_hub;
  json["nat"] = peer.detail->mapping ? Json(to_string(*peer.detail->mapping)) : Json(nullptr);
  add_json(json, oddity);
  json["relayed_to"] = relayed_json(relayed);
  json["ways"] = ways_json(ways);
  return control::write_form(json);
}

}  // namespace dnsd
