#include "updater/control/commands.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "control/log_level.hpp"
#include "updater/control/control_request.hpp"
#include "updater/report/doctor_facts.hpp"
#include "updater/settings/config_file.hpp"

namespace updater {
namespace {

constexpr int exit_not_found = 1;
constexpr int exit_unreached = 1;
constexpr int exit_not_ready = 1;
constexpr int exit_usage = 2;

control::Reply fail(int exit, std::string why) {
  return {.result = {exit, std::move(why)}};
}

/// One clause.
std::string tell_why_unreached(const PeerReport& peer) {
  if (!peer.hopeless.empty()) return peer.hopeless;
  if (peer.lookup_error == LookupError::no_such_name)
    return "the public host does not know this key";
  if (peer.lookup_error == LookupError::no_endpoint) return "the public host has not seen it";
  if (!peer.published.empty())
    return fmt::format("DNS says that it is at {}, and nothing comes from there",
                       peer.published.front().to_string());
  return "DNS has not said yet where it is";
}

DaemonFacts make_facts(const Config& config, const Report& report, const Memory& memory) {
  DaemonFacts facts;
  facts.zone = config.zone;
  facts.server = config.server;
  facts.hubs = config.settings.hubs;
  facts.private_server = config.private_server;
  facts.unreached.emplace();
  for (const PeerReport& peer : report.peers) {
    if (!peer.name.empty()) facts.names.emplace(peer.key, peer.name);
    if (!peer.problem.empty()) facts.hub_problems.emplace(peer.key, peer.problem);
    if (!peer.is_hub && peer.is_unreached())
      facts.unreached->emplace(peer.key, tell_why_unreached(peer));
  }
  for (const auto& [key, peer] : memory) {
    if (!peer.keepalive.ours().empty())
      facts.user_keepalives.emplace(key, peer.keepalive.user().count());
  }
  facts.nat = report.nat;
  facts.state_file = config.state_file.string();
  return facts;
}

/// What is filtered out does not count.
control::Reply tell_status(const Report& report, const ControlRequest& request) {
  if (!request.check.empty()) {
    std::string hindrance = find_hindrance(report);
    return hindrance.empty() ? control::Reply() : fail(exit_not_ready, std::move(hindrance));
  }
  const PeerFilter filter{request.filter};
  return {.text = request.json ? write_status_json(report, filter) : write_status(report, filter),
          .result = {is_any_unreached(report, filter) ? exit_unreached : 0}};
}

/// \param tell makes the reply about the one peer that is meant.
template <typename Tell>
control::Reply tell_of_peer(const Report& report, const ControlRequest& request, Tell tell) {
  const PeerReport* peer = find_peer(report, request.peer);
  if (peer == nullptr)
    return fail(exit_not_found,
                fmt::format("\"{}\" is no peer's name or key on {}, nor the beginning of exactly "
                            "one key",
                            request.peer, report.interface));
  return tell(*peer);
}

control::Reply tell_echoes(const PeerReport& peer,
                           const base::Expected<Echoes, std::string>& sent) {
  if (!sent) return fail(exit_not_found, sent.error());
  return {.text = write_ping_answer(make_ping_answer(peer, *sent))};
}

}  // namespace

control::Reply answer_request(std::string_view line, const Config& config,
                              const base::Expected<Report, std::string>& report,
                              const Memory& memory, const Ping& ping) {
  const auto request = parse_control_request(line);
  if (!request) return fail(exit_usage, request.error());
  if (request->check == "live") return {};
  if (request->command == ControlRequest::Command::log_level)
    return control::change_log_level(request->level);
  if (request->command == ControlRequest::Command::config) return {.text = to_yaml(config)};
  if (!report) return fail(exit_not_found, report.error() + "; waiting for it");
  switch (request->command) {
    case ControlRequest::Command::status:
      return tell_status(*report, *request);
    case ControlRequest::Command::doctor:
      return {.text = write_daemon_facts(make_facts(config, *report, memory))};
    case ControlRequest::Command::ping:
      return tell_of_peer(*report, *request, [&](const PeerReport& peer) {
        return tell_echoes(peer, ping(peer.key, request->send));
      });
    case ControlRequest::Command::log_level:
    case ControlRequest::Command::config:
    case ControlRequest::Command::why:
      break;
  }
  return tell_of_peer(*report, *request, [&](const PeerReport& peer) {
    return control::Reply{.text = write_story(*report, peer)};
  });
}

}  // namespace updater
