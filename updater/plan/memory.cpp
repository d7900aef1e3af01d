#include "updater/plan/memory.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "schema/owner_name.hpp"

namespace updater {
namespace {

using nlohmann::json;
using Mesh = PeerMemory::Mesh;
using std::chrono::seconds;

constexpr int format_version = 1;
constexpr std::int64_t max_keepalive = 65535;

std::optional<seconds> parse_keepalive(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  if (number < 0 || number > max_keepalive) return std::nullopt;
  return seconds(number);
}

std::optional<std::vector<seconds>> parse_values(const json& array) {
  if (!array.is_array()) return std::nullopt;
  std::vector<seconds> values;
  for (const json& item : array) {
    const auto keepalive = parse_keepalive(item);
    if (!keepalive) return std::nullopt;
    values.push_back(*keepalive);
  }
  return values;
}

json to_json(const std::vector<seconds>& values) {
  json array = json::array();
  for (const seconds value : values) array.push_back(value.count());
  return array;
}

std::optional<Keepalive> parse_keepalives(const json& value) {
  if (!value.is_object()) return std::nullopt;
  const auto user = parse_keepalive(value.value("user", json()));
  auto ours = parse_values(value.value("ours", json()));
  auto past = parse_values(value.value("past", json::array()));
  if (!user || !ours || !past) return std::nullopt;
  return Keepalive(*user, *std::move(ours), *std::move(past));
}

constexpr std::array<std::pair<Mesh, const char*>, 3> mesh_words = {
    {{Mesh::adding, "adding"}, {Mesh::added, "added"}, {Mesh::removed, "removed"}}};

std::optional<base::Prefix> parse_prefix(const json& value) {
  return value.is_string() ? base::Prefix::parse(value.get<std::string>()) : std::nullopt;
}

/// \param value as write_mesh() made it. One of an earlier version has no routes.
bool parse_mesh(const json& value, PeerMemory& peer) {
  if (!value.is_object() || !value.contains("state") || !value.contains("device") ||
      !value["device"].is_number_unsigned())
    return false;
  peer.mesh_device = value["device"].get<unsigned>();
  for (const auto& [mesh, word] : mesh_words) {
    if (value["state"] == word) peer.mesh = mesh;
  }
  for (const json& item : value.value("routes", json::array())) {
    const auto prefix = parse_prefix(item);
    if (!prefix) return false;
    peer.routes.push_back(*prefix);
  }
  const json lenders = value.value("lenders", json::object());
  if (!lenders.is_object()) return false;
  for (const auto& [text, name] : lenders.items()) {
    const auto prefix = parse_prefix(text);
    const auto key =
        name.is_string() ? wg::PublicKey::parse(name.get<std::string>()) : std::nullopt;
    if (!prefix || !key) return false;
    peer.lenders.emplace(*prefix, *key);
  }
  return peer.mesh != Mesh::none;
}

json write_mesh(const PeerMemory& peer, const char* word) {
  json routes = json::array();
  for (const base::Prefix& prefix : peer.routes) routes.push_back(prefix.to_string());
  json lenders = json::object();
  for (const auto& [prefix, key] : peer.lenders) lenders[prefix.to_string()] = key.to_base64();
  return {{"state", word},
          {"device", peer.mesh_device},
          {"routes", std::move(routes)},
          {"lenders", std::move(lenders)}};
}

std::optional<PeerMemory> parse_peer(const json& value, bool same_boot) {
  if (!value.is_object()) return std::nullopt;
  PeerMemory peer;
  if (value.contains("keepalive")) {
    const auto keepalive = parse_keepalives(value["keepalive"]);
    if (!keepalive) return std::nullopt;
    peer.keepalive = *keepalive;
    if (!same_boot) peer.keepalive.release();
  }
  if (value.contains("last-good")) {
    if (!value["last-good"].is_string()) return std::nullopt;
    peer.last_good = base::Endpoint::parse(value["last-good"].get<std::string>());
    if (!peer.last_good) return std::nullopt;
  }
  if (value.contains("back-to")) {
    if (!value["back-to"].is_string()) return std::nullopt;
    peer.back_to = wg::PublicKey::parse(value["back-to"].get<std::string>());
    if (!peer.back_to) return std::nullopt;
    if (!same_boot) peer.back_to.reset();  // the device did not survive the reboot
  }
  if (value.contains("name")) {
    if (!value["name"].is_string()) return std::nullopt;
    peer.name = value["name"].get<std::string>();
    if (schema::check_peer_label(peer.name)) return std::nullopt;
  }
  if (value.contains("mesh")) {
    if (!parse_mesh(value["mesh"], peer)) return std::nullopt;
    // The device did not survive the reboot. The user's removal of the peer stays valid.
    if (!same_boot) peer.leave_mesh(peer.mesh == Mesh::removed ? Mesh::removed : Mesh::none);
  }
  return peer;
}

}  // namespace

void PeerMemory::leave_mesh(Mesh state) {
  mesh = state;
  mesh_device = 0;
  routes.clear();
  lenders.clear();
}

std::string write_memory(const Memory& memory, std::string_view boot) {
  json peers = json::object();
  for (const auto& [key, peer] : memory) {
    json item = json::object();
    const Keepalive& keepalive = peer.keepalive;
    if (!keepalive.ours().empty() || !keepalive.past().empty())
      item["keepalive"] = {{"user", keepalive.user().count()},
                           {"ours", to_json(keepalive.ours())},
                           {"past", to_json(keepalive.past())}};
    if (peer.last_good) item["last-good"] = peer.last_good->to_string();
    if (peer.back_to) item["back-to"] = peer.back_to->to_base64();
    if (!peer.name.empty()) item["name"] = peer.name;
    for (const auto& [mesh, word] : mesh_words) {
      if (peer.mesh == mesh) item["mesh"] = write_mesh(peer, word);
    }
    if (!item.empty()) peers[key.to_base64()] = std::move(item);
  }
  const json root = {{"version", format_version}, {"boot", boot}, {"peers", std::move(peers)}};
  return root.dump(2) + '\n';
}

base::Expected<Memory, std::string> parse_memory(std::string_view text, std::string_view boot) {
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded() || !root.is_object()) return base::Unexpected(std::string("not JSON"));
  if (root.value("version", json()) != format_version)
    return base::Unexpected(std::string("not of version 1"));
  const json peers = root.value("peers", json());
  if (!peers.is_object()) return base::Unexpected(std::string("without peers"));
  const bool same_boot = root.value("boot", json()) == boot;
  Memory memory;
  for (const auto& [name, value] : peers.items()) {
    const auto key = wg::PublicKey::parse(name);
    auto peer = key ? parse_peer(value, same_boot) : std::nullopt;
    if (!peer) return base::Unexpected("wrong at peer \"" + name + '"');
    memory.emplace(*key, *std::move(peer));
  }
  return memory;
}

}  // namespace updater
