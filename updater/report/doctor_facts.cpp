#include "updater/report/doctor_facts.hpp"

#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "control/to_line.hpp"
#include "updater/host/memory_file.hpp"

namespace updater {
namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned max_keepalive = 65535;  // seconds, of WireGuard

/// \return nullopt: one of the items is no key.
std::optional<std::set<wg::PublicKey>> read_keys(const Json& json) {
  std::set<wg::PublicKey> keys;
  for (const Json& item : json) {
    const auto key =
        item.is_string() ? wg::PublicKey::parse(item.get<std::string>()) : std::nullopt;
    if (!key) return std::nullopt;
    keys.insert(*key);
  }
  return keys;
}

/// \return nullopt: a key that is none, or a reason that is no text.
std::optional<std::map<wg::PublicKey, std::string>> read_unreached(const Json& json) {
  std::map<wg::PublicKey, std::string> unreached;
  if (!json.is_object()) return std::nullopt;
  for (const auto& [key, why] : json.items()) {
    const auto peer = wg::PublicKey::parse(key);
    if (!peer || !why.is_string()) return std::nullopt;
    unreached.emplace(*peer, why.get<std::string>());
  }
  return unreached;
}

}  // namespace

std::string DaemonFacts::describe(const wg::PublicKey& peer) const {
  const auto name = names.find(peer);
  return wg::describe_peer(name == names.end() ? "" : name->second, peer);
}

std::string DaemonFacts::describe_whole(const wg::PublicKey& peer) const {
  const auto name = names.find(peer);
  return (name == names.end() ? "" : name->second + " ") + peer.to_base64();
}

std::string write_daemon_facts(const DaemonFacts& facts) {
  Json hubs = Json::array();
  for (const wg::PublicKey& hub : facts.hubs) hubs.push_back(hub.to_base64());
  Json keepalives = Json::object();
  for (const auto& [key, keepalive] : facts.user_keepalives)
    keepalives[key.to_base64()] = keepalive;
  Json problems = Json::object();
  for (const auto& [key, problem] : facts.hub_problems) problems[key.to_base64()] = problem;
  Json names = Json::object();
  for (const auto& [key, name] : facts.names) names[key.to_base64()] = name;
  Json unreached = Json::object();
  if (facts.unreached) {
    for (const auto& [key, why] : *facts.unreached) unreached[key.to_base64()] = why;
  }
  const Json json{{"unreached", std::move(unreached)},
                  {"names", std::move(names)},
                  {"hub_problems", std::move(problems)},
                  {"zone", facts.zone.to_string()},
                  {"server", facts.server ? Json(facts.server->to_string()) : Json(nullptr)},
                  {"hubs", std::move(hubs)},
                  {"user_keepalives", std::move(keepalives)},
                  {"private_server",
                   facts.private_server ? Json(facts.private_server->to_string()) : Json(nullptr)},
                  {"nat", facts.nat ? Json(to_string(*facts.nat)) : Json(nullptr)},
                  {"state_file", facts.state_file}};
  return control::to_line(json);
}

base::Expected<DaemonFacts, std::string> parse_daemon_facts(std::string_view text) {
  const auto refuse = [] {
    return base::Unexpected(
        std::string("the daemon's answer cannot be read: it is of another version; restart it"));
  };
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return refuse();
  const Json zone = json.value("zone", Json());
  const Json server = json.value("server", Json());
  const Json hubs = json.value("hubs", Json());
  const Json keepalives = json.value("user_keepalives", Json());
  const Json private_server = json.value("private_server", Json());
  const Json nat = json.value("nat", Json());
  const Json state_file = json.value("state_file", Json());
  const Json problems = json.value("hub_problems", Json::object());
  const Json names = json.value("names", Json::object());
  if (!zone.is_string() || !hubs.is_array() || !keepalives.is_object() || !problems.is_object() ||
      !names.is_object() || !state_file.is_string() || (!server.is_null() && !server.is_string()) ||
      (!private_server.is_null() && !private_server.is_string()) ||
      (!nat.is_null() && !nat.is_string()))
    return refuse();
  DaemonFacts facts;
  const auto zone_name = dns::Name::parse(zone.get<std::string>());
  const auto keys = read_keys(hubs);
  if (!zone_name || !keys) return refuse();
  facts.zone = *zone_name;
  facts.hubs = *keys;
  if (server.is_string()) facts.server = base::Endpoint::parse(server.get<std::string>());
  if (server.is_string() && !facts.server) return refuse();
  if (private_server.is_string())
    facts.private_server = base::Endpoint::parse(private_server.get<std::string>());
  if (private_server.is_string() && !facts.private_server) return refuse();
  if (nat.is_string()) facts.nat = schema::parse_nat_mapping(nat.get<std::string>());
  if (nat.is_string() && !facts.nat) return refuse();
  for (const auto& [key, keepalive] : keepalives.items()) {
    const auto peer = wg::PublicKey::parse(key);
    if (!peer || !keepalive.is_number_unsigned() || keepalive > max_keepalive) return refuse();
    facts.user_keepalives.emplace(*peer, keepalive.get<std::int64_t>());
  }
  for (const auto& [key, problem] : problems.items()) {
    const auto hub = wg::PublicKey::parse(key);
    if (!hub || !problem.is_string()) return refuse();
    facts.hub_problems.emplace(*hub, problem.get<std::string>());
  }
  for (const auto& [key, name] : names.items()) {
    const auto peer = wg::PublicKey::parse(key);
    if (!peer || !name.is_string()) return refuse();
    facts.names.emplace(*peer, name.get<std::string>());
  }
  facts.unreached = read_unreached(json.value("unreached", Json::object()));
  if (!facts.unreached) return refuse();
  facts.state_file = state_file.get<std::string>();
  return facts;
}

base::Expected<DoctorFacts, std::string> collect_facts(const std::string& interface,
                                                       DaemonFacts daemon) {
  auto device = wg::read_device(interface);
  if (!device) return base::Unexpected(device.error().message);
  DoctorFacts facts;
  facts.device = *std::move(device);
  if (auto host = base::read_interface_addresses()) facts.host = *std::move(host);
  facts.now = base::read_clock().wall;
  struct stat file {};
  if (!daemon.state_file.empty() && ::stat(daemon.state_file.c_str(), &file) == 0)
    facts.saved = base::WallTime(std::chrono::seconds(file.st_mtim.tv_sec));
  const MemoryFile file_of_daemon(daemon.state_file, MemoryFile::Access::read_only);
  for (const auto& [key, peer] : file_of_daemon.load()) {
    if (peer.mesh == PeerMemory::Mesh::added) facts.members.insert(key);
  }
  facts.daemon = std::move(daemon);
  return facts;
}

}  // namespace updater
