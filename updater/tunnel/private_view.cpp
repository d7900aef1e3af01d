#include "updater/tunnel/private_view.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "dns/query.hpp"
#include "dns/update.hpp"
#include "schema/owner_name.hpp"
#include "schema/relay_text.hpp"
#include "updater/plan/plan.hpp"
#include "updater/tunnel/tunnel_address.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;

/// How often the list of the mesh is read.
constexpr std::chrono::milliseconds mesh_interval = 20s;
/// How often hubs' names are asked for: somebody may rename them.
constexpr std::chrono::milliseconds name_interval = 60s;

}  // namespace

bool uses_private_server(const Config& config) {
  return config.uses_private_server && config.mode == Config::Mode::daemon;
}

bool joins_mesh(const Config& config) {
  return uses_private_server(config) && !config.settings.mesh.ranges.empty();
}

PrivateView::PrivateView(asio::io_context& context, const Config& config, Listener& listener)
    : context_(context),
      config_(config),
      listener_(listener),
      client_(context, config.interface),
      lan_(context, client_, config.zone, config.private_server.has_value(),
           [this](const LanResult& result) { listener_.learn_lan(result); }),
      paths_(client_, config.zone, [this] { return listener_.find_ways(); }),
      mesh_reader_(client_, config.zone) {}

void PrivateView::follow(const base::Now& now, const wg::Device& device,
                         const std::set<wg::PublicKey>& hubs,
                         std::span<const base::InterfaceAddress> host) {
  if (!uses_private_server(config_)) return;
  server_ =
      config_.private_server ? config_.private_server : find_private_server(device, hubs, host);
  key_ = device.public_key;
  hub_servers_.clear();
  for (const wg::PublicKey& hub : hubs) {
    auto server = find_private_server(device, {hub}, host);
    if (config_.private_server && (!server || hubs.size() == 1)) server = config_.private_server;
    if (server) hub_servers_.emplace(hub, *server);
  }
  lan_.follow(now, device, host, server_);
  paths_.follow(now.steady, key_, server_);
  ask_hub_names(now.steady);
  read_mesh(now.steady);
}

/// Hubs are not looked up, so nothing else tells what the public host is called.
void PrivateView::ask_hub_names(base::SteadyTime now) {
  if (now < names_due_) return;
  names_due_ = now + jittered(name_interval, random_);
  for (const auto& [hub, server] : hub_servers_) ask_text(hub);
}

/// The public view usually leaves out what the text says. A failure counts as an empty answer.
void PrivateView::ask_text(const wg::PublicKey& peer) {
  if (!server_ || !text_questions_.insert(peer).second) return;
  client_.exchange(*server_,
                   dns::write_query(dns::random_id(), schema::service_name(peer, config_.zone),
                                    dns::RrType::txt, max_reply_octets),
                   [this, peer](const PrivateClient::Result& reply) {
                     text_questions_.erase(peer);
                     const auto text =
                         reply ? parse_text_answer(*reply, peer, config_.zone) : std::nullopt;
                     if (text) listener_.learn_text(peer, *text);
                   });
}

bool PrivateView::say_via(const ViaRequest& via) {
  const auto server = hub_servers_.find(via.hub);
  if (server == hub_servers_.end() || !key_) return false;
  for (std::size_t i = 0; i < via.peers.size(); i += schema::max_via_peers) {
    const std::size_t count = std::min(schema::max_via_peers, via.peers.size() - i);
    const std::uint16_t id = dns::random_id();
    client_.exchange(
        server->second,
        schema::write_via_update(id, config_.zone, *key_, std::span(via.peers).subspan(i, count)),
        [this, id](const PrivateClient::Result& reply) {
          const auto rcode =
              reply ? dns::parse_update_reply(*reply, id, config_.zone) : std::nullopt;
          spdlog::debug("the hub was told via: {}", !reply  ? to_string(reply.error())
                                                    : rcode ? dns::to_string(*rcode)
                                                            : "a malformed answer");
        });
  }
  return true;
}

void PrivateView::ask_pause(const PauseRequest& pause) {
  const auto server = hub_servers_.find(pause.hub);
  if (server == hub_servers_.end() || !key_) {
    asio::post(context_, [this, peer = pause.peer] { listener_.learn_pause(peer, false); });
    return;
  }
  const std::uint16_t id = dns::random_id();
  client_.exchange(
      server->second, schema::write_pause_update(id, config_.zone, *key_, pause.peer, pause.time),
      [this, id, peer = pause.peer](const PrivateClient::Result& reply) {
        const auto rcode = reply ? dns::parse_update_reply(*reply, id, config_.zone) : std::nullopt;
        listener_.learn_pause(peer, rcode == dns::Rcode::noerror);
      });
}

void PrivateView::ask_lan(const wg::PublicKey& peer) {
  lan_.ask(peer, config_.settings.of(peer).lan_candidates);
}

void PrivateView::read_mesh(base::SteadyTime now) {
  if (!joins_mesh(config_) || !server_ || now < mesh_due_) return;
  mesh_due_ = now + jittered(mesh_interval, random_);
  (void)mesh_reader_.read(
      *server_,
      [this](const std::set<wg::PublicKey>& listed) {
        return listener_.find_mesh_questions(listed);
      },
      [this, server = *server_](const base::Expected<MeshList, LookupError>& list) {
        learn_mesh(server, list);
      });
}

/// A failure is logged when it begins and when it ends.
void PrivateView::learn_mesh(const base::Endpoint& server,
                             const base::Expected<MeshList, LookupError>& list) {
  if (!list) {
    if (!std::exchange(mesh_failing_, true))
      spdlog::warn("cannot read the list of peers at {}, peers stay as they are: {}",
                   server.to_string(), to_string(list.error()));
    return;
  }
  spdlog::debug("the list of peers was read");
  if (std::exchange(mesh_failing_, false)) spdlog::info("the list of peers can be read again");
  listener_.learn_mesh(server.address, *list);
}

}  // namespace updater
