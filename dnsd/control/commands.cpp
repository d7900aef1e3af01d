#include "dnsd/control/commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "control/log_level.hpp"
#include "dnsd/control/control_request.hpp"
#include "dnsd/control/peer_commands.hpp"
#include "dnsd/host/host_addresses.hpp"
#include "dnsd/report/doctor_collect.hpp"
#include "dnsd/report/explain.hpp"

namespace dnsd {
namespace {

/// Peers in one piece of what `zone` and `peers` print; a piece takes about 10 ms of the control
/// thread.
constexpr std::size_t peers_per_piece = 64;

control::Reply fail(int exit, const std::string& why) {
  return {.result = {.exit = exit, .error = why}};
}

}  // namespace

control::Reply Commands::answer(std::string_view line) {
  const auto request = parse_control_request(line);
  if (!request) return fail(2, request.error());
  switch (request->command) {
    case ControlRequest::Command::zone:
      return answer_zone(request->view);
    case ControlRequest::Command::status:
      return answer_status(request->json);
    case ControlRequest::Command::peers:
      return answer_peers(request->json);
    case ControlRequest::Command::query:
      return answer_query(*request);
    case ControlRequest::Command::doctor:
      return answer_doctor();
    case ControlRequest::Command::pubkey:
    case ControlRequest::Command::peer_config:
    case ControlRequest::Command::peer_add:
    case ControlRequest::Command::peer_remove:
    case ControlRequest::Command::peer_rename:
    case ControlRequest::Command::peer_new:
    case ControlRequest::Command::peer_list:
    case ControlRequest::Command::peer_reset:
      return run_peer_command(*request, context_);
    case ControlRequest::Command::log_level:
      return control::change_log_level(request->name);
    case ControlRequest::Command::reload:
      break;
  }
  if (const auto problem = context_.reload()) return fail(1, *problem);
  const std::vector<std::string>& errors = context_.config.errors;
  if (errors.empty()) return {};
  return fail(1, fmt::format("reloaded, except: {}", fmt::join(errors, "\n")));
}

DaemonStatus Commands::status() const {
  DaemonStatus status{
      .zone = context_.config.zone.to_string(),
      .uptime =
          std::chrono::duration_cast<std::chrono::seconds>(base::read_steady() - context_.started),
      .is_ready = context_.live.is_ready(),
      .listeners = context_.listeners.status(),
      .observatory = context_.observatory.status(),
      .peers = {},
      .tunnel = context_.config.points.empty() ? nullptr : &context_.tunnel_host.counters(),
      .points = {},
      .odd_peers = {},
      .reload_problem = context_.reload_problem,
      .config_errors = context_.config.errors};
  for (const ObservationPoint* point : context_.observatory.points().opened())
    status.points.push_back(
        {point->settings().listen.to_string(), point->counters(), point->relay_report()});
  for (const auto& [key, oddity] : context_.observatory.points().oddities()) {
    const auto peer = context_.peers.find(key);
    status.odd_peers.push_back({key, peer ? peer->detail->name : std::string(), oddity});
  }
  context_.peers.for_each([&](const wg::PublicKey&, const PeerRecord& peer) {
    ++status.peers.registered;
    if (!peer.ipv4 && !peer.ipv6) return;
    ++status.peers.with_endpoint;
    if (peer.stale) ++status.peers.stale;
  });
  return status;
}

control::Reply Commands::answer_status(bool json) const {
  const DaemonStatus now = status();
  return {.text = json ? status_json(now, context_.threads.served())
                       : status_text(now, context_.threads.served()),
          .result = {.exit = static_cast<int>(judge(now))}};
}

control::Reply Commands::answer_doctor() const {
  const DoctorFacts facts =
      collect_facts(context_.config, context_.zone_source, read_host(context_.config),
                    context_.listeners.wanted(), status(), context_.peers, context_.observatory,
                    base::read_clock());
  return {.text = write_doctor_facts(facts)};
}

/// All keys are copied at the start; the records of a peer are read when its piece is made. A peer
/// that changes meanwhile is printed as it was or as it is now, never half of each.
control::Reply Commands::answer_zone(View view) const {
  const auto zone = context_.published.get();
  control::Reply reply;
  zone->for_each_common_record(
      view, [&](dns::NameView owner, dns::RrType type, dns::Ttl ttl, base::Bytes rdata) {
        reply.text += dns::to_zone_line(owner, ttl, type, rdata);
      });
  reply.more = [zone, view, keys = peer_keys(), next = std::size_t{0}]() mutable {
    std::string text;
    const std::size_t end = std::min(keys.size(), next + peers_per_piece);
    // An empty piece would end the output: peers without a record in this view are passed over.
    for (; next < keys.size() && (next < end || text.empty()); ++next) {
      zone->for_each_peer_record(
          keys[next], view,
          [&](dns::NameView owner, dns::RrType type, dns::Ttl ttl, base::Bytes rdata) {
            text += dns::to_zone_line(owner, ttl, type, rdata);
          });
    }
    return text;
  };
  return reply;
}

control::Reply Commands::answer_peers(bool json) const {
  control::Reply reply;
  reply.more = [this, json, odd = context_.observatory.points().oddities(),
                relayed = relayed_by_sender(), keys = peer_keys(),
                next = std::size_t{0}]() mutable {
    std::string text;
    const std::size_t end = std::min(keys.size(), next + peers_per_piece);
    for (; next < keys.size() && (next < end || text.empty()); ++next) {
      const wg::PublicKey& key = keys[next];
      const auto peer = context_.peers.find(key);
      if (!peer) continue;
      const auto found = odd.find(key);
      const PeerOddity oddity = found == odd.end() ? PeerOddity{} : found->second;
      const auto sent = relayed.find(key);
      const std::span<const RelayedTo> to =
          sent == relayed.end() ? std::span<const RelayedTo>() : sent->second;
      const std::vector<ToldWay> ways = told_ways(key);
      text +=
          json ? peer_json(key, *peer, oddity, to, ways) : peer_text(key, *peer, oddity, to, ways);
    }
    return text;
  };
  return reply;
}

Commands::RelayedBySender Commands::relayed_by_sender() const {
  RelayedBySender result;
  bool is_first = true;  // of several points, one may have the same pairs again
  for (const ObservationPoint* point : context_.observatory.points().opened()) {
    const auto report = point->relay_report();
    if (!report) continue;
    for (const RelayedPair& pair : report->pairs) {
      std::vector<RelayedTo>& sent = result[pair.from];
      auto to = is_first ? sent.end()
                         : std::find_if(sent.begin(), sent.end(),
                                        [&](const RelayedTo& one) { return one.key == pair.to; });
      if (to == sent.end()) {
        const auto peer = context_.peers.find(pair.to);
        to = sent.insert(to, {pair.to, peer ? peer->detail->name : std::string()});
      }
      to->packets += pair.packets;
      to->octets += pair.octets;
    }
    is_first = false;
  }
  return result;
}

std::vector<ToldWay> Commands::told_ways(const wg::PublicKey& key) const {
  std::vector<ToldWay> result;
  const auto paths = context_.live.paths.find(key);
  if (!paths) return result;
  for (const schema::PeerPath& path : *paths) {
    const auto peer = context_.peers.find(path.peer);
    ToldWay told{path.peer, peer ? peer->detail->name : std::string(), path.way, path.rtt};
    if (const auto others = context_.live.paths.find(path.peer)) {
      if (const auto* back = schema::find_path(*others, key)) told.way_back = back->way;
    }
    result.push_back(std::move(told));
  }
  return result;
}

control::Reply Commands::answer_query(const ControlRequest& request) const {
  const auto name = parse_question_name(request.name, context_.config.zone);
  const auto type = dns::parse_rr_type(request.type);
  if (!name || !type) {
    const std::string wrong =
        name ? fmt::format("'{}' is no record type: SRV, TXT, A, AAAA, TYPE65280, …", request.type)
             : fmt::format("'{}' is neither a domain name nor a public key", request.name);
    return fail(2, wrong);
  }
  const Explanation explanation(*name, *type, request.view, context_.responder,
                                *context_.published.get(), context_.peers, context_.observatory,
                                base::read_clock());
  return {.text = request.json ? explanation.json() : explanation.text(),
          .result = {.exit = explanation.exit_code()}};
}

std::vector<wg::PublicKey> Commands::peer_keys() const {
  std::vector<wg::PublicKey> keys;
  keys.reserve(context_.peers.size());
  context_.peers.for_each(
      [&](const wg::PublicKey& key, const PeerRecord&) { keys.push_back(key); });
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace dnsd
