#include "updater/report/report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/encoding.hpp"
#include "control/form.hpp"
#include "wg/device.hpp"

// Writes status and why: the table, its JSON, the story of one peer, and the advice. Pure functions
// of a Report. Machine::describe() makes the report; control/commands.hpp chooses the form.
namespace updater {
namespace {

using Json = nlohmann::ordered_json;

/// Columns of `(xTIB…p8Dg)`.
constexpr std::size_t key_width = 11;

std::string write_octets(std::uint64_t octets) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(octets);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(units)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", octets) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string write_age(const std::optional<std::chrono::seconds>& age) {
  return age ? fmt::format("{} s", age->count()) : "never";
}

std::string write_round_trip(const PeerReport& peer) {
  return peer.round_trip
             ? fmt::format("{:.1f} ms", static_cast<double>(peer.round_trip->count()) / 1000)
             : "-";
}

std::string write_time(base::WallTime when) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(base::WallTime::clock::to_time_t(when)));
}

Json to_json(const std::optional<base::Endpoint>& endpoint) {
  return endpoint ? Json(endpoint->to_string()) : Json(nullptr);
}

Json to_json(const std::optional<schema::NatMapping>& nat) {
  return nat ? Json(to_string(*nat)) : Json(nullptr);
}

std::string_view write_nat(const std::optional<schema::NatMapping>& nat) {
  return nat ? to_string(*nat) : "-";
}

std::string describe_key(const Report& report, const wg::PublicKey& key) {
  const auto peer = std::find_if(report.peers.begin(), report.peers.end(),
                                 [&](const PeerReport& one) { return one.key == key; });
  return wg::describe_peer(peer == report.peers.end() ? "" : peer->name, key);
}

/// `relay by hub (xTIB…p8Dg) for 42 s: why`; empty: nothing is known of the way.
std::string write_path(const Report& report, const PeerReport& peer) {
  if (!peer.path_age) return "";
  std::string text(peer.path());
  if (peer.relay) text += " by " + describe_key(report, *peer.relay);
  return fmt::format("{} for {} s{}{}", text, peer.path_age->count(),
                     peer.path_reason.empty() ? "" : ": ", peer.path_reason);
}

/// `not configured: hub: xTIB…=`.
std::string write_found(const PeerReport& hub) {
  return fmt::format("found to be the public host; for the configuration: `hub: {}`",
                     hub.key.to_base64());
}

Json to_json(const PeerReport& peer) {
  Json published = Json::array();
  for (const base::Endpoint& endpoint : peer.published) published.push_back(endpoint.to_string());
  const auto& events = peer.story.events();
  return {
      {"public_key", peer.key.to_base64()},
      {"name", control::text_or_null(peer.name)},
      {"hub", peer.is_hub},
      {"hub_found", peer.is_found_hub},
      {"state", peer.state},
      {"path", peer.path()},
      {"path_seconds", peer.path_age ? Json(peer.path_age->count()) : Json(nullptr)},
      {"path_reason", control::text_or_null(peer.path_reason)},
      {"relayed_by", peer.relay ? Json(peer.relay->to_base64()) : Json(nullptr)},
      {"endpoint", to_json(peer.endpoint)},
      {"endpoint_from", peer.endpoint ? Json(peer.endpoint_from) : Json(nullptr)},
      {"published_endpoints", std::move(published)},
      {"nat", to_json(peer.nat)},
      {"handshake_age_seconds",
       peer.handshake_age ? Json(peer.handshake_age->count()) : Json(nullptr)},
      {"round_trip_microseconds", peer.round_trip ? Json(peer.round_trip->count()) : Json(nullptr)},
      {"received_octets", peer.rx_bytes},
      {"sent_octets", peer.tx_bytes},
      {"lookup_error", peer.lookup_error ? Json(to_string(*peer.lookup_error)) : Json(nullptr)},
      {"problem", control::text_or_null(peer.problem)},
      {"hopeless", control::text_or_null(peer.hopeless)},
      {"last_event", events.empty() ? Json(nullptr) : Json(events.back().text)}};
}

const PeerReport* find_hub(const Report& report) {
  const auto hub = std::find_if(report.peers.begin(), report.peers.end(),
                                [](const PeerReport& peer) { return peer.is_hub; });
  return hub == report.peers.end() ? nullptr : &*hub;
}

}  // namespace

bool PeerFilter::shows(const PeerReport& peer) const {
  return words.empty() || std::any_of(words.begin(), words.end(), [&](const std::string& word) {
           return word == peer.state || word == peer.path() ||
                  base::equals_ignoring_case(word, peer.name) ||
                  (!word.empty() && peer.key.to_base64().starts_with(word));
         });
}

bool is_any_unreached(const Report& report, const PeerFilter& filter) {
  return std::any_of(report.peers.begin(), report.peers.end(), [&](const PeerReport& peer) {
    return filter.shows(peer) && peer.is_unreached();
  });
}

std::string find_hindrance(const Report& report) {
  for (const PeerReport& peer : report.peers) {
    if (peer.is_hub && peer.is_unreached())
      return fmt::format("the public host {} does not answer",
                         wg::describe_peer(peer.name, peer.key));
  }
  std::string hindrance;
  for (const PeerReport& peer : report.peers) {
    if (peer.is_hub || peer.state == "ignored") continue;
    if (!peer.is_looked_up) {
      hindrance = report.zone + " was not asked yet";
    } else if (peer.lookup_error && !is_about_peer(*peer.lookup_error)) {
      hindrance = fmt::format("{} cannot be asked: {}", report.zone, to_string(*peer.lookup_error));
    } else {
      return {};  // one answer is enough
    }
  }
  return hindrance;
}

std::string write_status(const Report& report, const PeerFilter& filter) {
  std::string text = fmt::format("{} in {}, seen at {}, NAT {}\n", report.interface, report.zone,
                                 report.seen_at ? report.seen_at->to_string() : "(unknown)",
                                 write_nat(report.nat));
  std::size_t width = key_width;
  for (const PeerReport& peer : report.peers) {
    if (!filter.shows(peer)) continue;
    width = std::max(width, peer.name.empty() ? key_width : peer.name.size() + 1 + key_width);
  }
  text += fmt::format("{:{}} {:9} {:7} {:24} {:10} {:7} {:>10} {:>10} {:>10} {:>9}\n", "PEER",
                      width, "STATE", "PATH", "ENDPOINT", "FROM", "NAT", "HANDSHAKE", "RECEIVED",
                      "SENT", "RTT");
  for (const PeerReport& peer : report.peers) {
    if (!filter.shows(peer)) continue;
    text +=
        fmt::format("{:{}} {:9} {:7} {:24} {:10} {:7} {:>10} {:>10} {:>10} {:>9}\n",
                    wg::describe_peer(peer.name, peer.key), width, peer.state, peer.path(),
                    peer.endpoint ? peer.endpoint->to_string() : "-", peer.endpoint_from,
                    write_nat(peer.nat), write_age(peer.handshake_age), write_octets(peer.rx_bytes),
                    write_octets(peer.tx_bytes), write_round_trip(peer));
    if (!peer.problem.empty()) text += fmt::format("              {}\n", peer.problem);
    if (peer.is_found_hub) text += fmt::format("              {}\n", write_found(peer));
    if (peer.relay) text += fmt::format("              {}\n", write_path(report, peer));
    if (!peer.is_hub && !peer.is_reached() && !peer.story.events().empty())
      text += fmt::format("              {}\n", peer.story.events().back().text);
  }
  return text;
}

std::string write_status_json(const Report& report, const PeerFilter& filter) {
  Json peers = Json::array();
  for (const PeerReport& peer : report.peers) {
    if (filter.shows(peer)) peers.push_back(to_json(peer));
  }
  return control::write_form({{"interface", report.interface},
                              {"zone", report.zone},
                              {"own_endpoint", to_json(report.seen_at)},
                              {"nat", to_json(report.nat)},
                              {"peers", std::move(peers)}});
}

std::string write_story(const Report& report, const PeerReport& peer) {
  std::string text = fmt::format(
      "{}{}\nstate {}, path {}, endpoint {}, handshake {}, round trip {}, NAT there {}, here {}\n",
      peer.name.empty() ? "" : peer.name + ", ", peer.key.to_base64(), peer.state, peer.path(),
      peer.endpoint ? peer.endpoint->to_string() : "none",
      peer.handshake_age ? write_age(peer.handshake_age) + " ago" : "never", write_round_trip(peer),
      write_nat(peer.nat), write_nat(report.nat));
  if (const std::string path = write_path(report, peer); !path.empty()) text += path + '\n';
  std::string published;
  for (const base::Endpoint& endpoint : peer.published) published += " " + endpoint.to_string();
  text += fmt::format("in DNS:{}\n", published.empty() ? " nothing" : published);
  if (!peer.problem.empty()) text += fmt::format("now: {}\n", peer.problem);
  if (peer.is_found_hub) text += fmt::format("now: {}\n", write_found(peer));
  for (const Event& event : peer.story.events())
    text += fmt::format("{}  {}{}\n", write_time(event.when), event.text,
                        event.times > 1 ? fmt::format(" ({} times)", event.times) : "");
  for (const std::string& advice : advise(report, peer)) text += "what to do: " + advice + "\n";
  return text;
}

const PeerReport* find_peer(const Report& report, std::string_view text) {
  const auto find_one = [&](auto is) {
    const PeerReport* found = nullptr;
    for (const PeerReport& peer : report.peers) {
      if (text.empty() || !is(peer)) continue;
      if (std::exchange(found, &peer) != nullptr) return static_cast<const PeerReport*>(nullptr);
    }
    return found;
  };
  const auto* named =
      find_one([&](const PeerReport& peer) { return base::equals_ignoring_case(peer.name, text); });
  if (named != nullptr) return named;
  return find_one([&](const PeerReport& peer) { return peer.key.to_base64().starts_with(text); });
}

std::vector<std::string> advise(const Report& report, const PeerReport& peer) {
  std::vector<std::string> advice;
  if (report.clock_behind)
    advice.push_back(
        fmt::format("this host's clock is behind: the last handshake of a peer lies {} s in the "
                    "future. Set the clock, and keep it right with NTP: peers that saw a later "
                    "handshake ignore this host until then",
                    report.clock_behind->count()));
  if (peer.is_hub && !peer.problem.empty())
    advice.emplace_back(
        "the public host is looked for at hub-endpoint, at the Endpoint in wg-quick's file, at its "
        "own record in DNS, and at the zone's name server: say where it is with hub-endpoint: "
        "HOST:PORT; see that it runs, that UDP to it is allowed, and that it knows this host's "
        "key");
  if (peer.is_found_hub)
    advice.push_back(fmt::format(
        "add `hub: {}` to the configuration: only a configured hub is looked for when it does not "
        "answer, passes packets on, and tells of the other peers",
        peer.key.to_base64()));
  if (peer.is_hub || peer.is_reached()) return advice;
  const PeerReport* hub = find_hub(report);
  if (hub == nullptr) {
    advice.emplace_back("name the public host with --hub: no peer of this interface is one");
  } else if (hub->handshake_age.value_or(wg::session_life) >= wg::session_life) {
    advice.emplace_back(
        "this host has no session with the public host, so nobody learns where it is: check that "
        "peer's Endpoint, and that UDP to it is allowed");
  }
  if (peer.has_detour && !peer.is_member)
    advice.emplace_back(
        "its addresses could go through the hub, whose AllowedIPs contain them: as this peer's own "
        "they go nowhere while it has no session. Take them from this peer, or remove it and let "
        "`mesh` add it, which gives them to it while its session works");
  if (peer.is_called_hub)
    advice.emplace_back(
        "DNS calls it the public host's own (role=hub), so it is not punched: if that is true, "
        "name it with --hub; otherwise somebody on the way to wg-dnsd changes answers");
  if (!peer.is_looked_up) return advice;
  if (peer.lookup_error) {
    switch (*peer.lookup_error) {
      case LookupError::no_such_name:
        advice.emplace_back(
            "the public host does not know this key: add the peer there, or check the zone's name");
        break;
      case LookupError::no_endpoint:
        advice.emplace_back(
            "the public host has not seen this peer: over there, check PersistentKeepalive = 25 "
            "towards the public host, and that its clock is right");
        break;
      case LookupError::foreign:
      case LookupError::malformed:
        advice.emplace_back(
            "something between here and wg-dnsd changes answers: try --server with its address");
        break;
      default:
        advice.emplace_back(
            "the zone cannot be asked: check the delegation with `wg-dnsd doctor` on the public "
            "host, and this host's resolver with `dig " +
            report.zone + " SOA`");
        break;
    }
    return advice;
  }
  if (peer.published.empty()) return advice;
  if (!peer.hopeless.empty()) {
    advice.push_back(
        peer.hopeless +
        ". On one of the two sides: give it IPv6 if the other has it, or a router that keeps the "
        "port; or forward a UDP port, and name it as that peer's endpoint on the public host. "
        "Otherwise let the public host pass its packets on: `relay` of wg-dnsd there, and not "
        "`relay: never` here");
  } else if (peer.is_heard) {
    advice.emplace_back(
        "its packets arrive but no session follows: ours do not reach it, or the preshared keys "
        "differ");
  } else {
    advice.emplace_back(
        "nothing comes from it: see that wg-updater runs on it, that UDP is allowed on both sides, "
        "and that not both NATs, or one against a strict one, are symmetric; `wg-updater why` "
        "there "
        "tells the other half");
  }
  return advice;
}

}  // namespace updater
