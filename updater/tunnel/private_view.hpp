#pragma once

#include <asio/io_context.hpp>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "base/interfaces.hpp"
#include "updater/lookup/lookup.hpp"
#include "updater/plan/plan.hpp"
#include "updater/settings/config.hpp"
#include "updater/tunnel/lan_exchange.hpp"
#include "updater/tunnel/mesh_reader.hpp"
#include "updater/tunnel/path_exchange.hpp"
#include "updater/tunnel/private_client.hpp"
#include "wg/device.hpp"

namespace updater {

/// Whether this process asks and tells anything inside the tunnel: a daemon does, unless the
/// operator chose `private-server: none`.
[[nodiscard]] bool uses_private_server(const Config& config);
/// Whether it reads the list of peers there, too: ranges for the mesh are configured.
[[nodiscard]] bool joins_mesh(const Config& config);

/// The conversation with the server inside the tunnel, which answers from the private view of the
/// zone. Announces this host's LAN addresses there, tells its ways to the peers, and asks for the
/// LAN addresses of the peers, for their texts, every minute for what hubs are called, and every 20
/// s for the list of the mesh. Used from the thread of its io_context.
class PrivateView {
 public:
  /// Takes what the server says. Called from the io_context, never from inside a call of the view,
  /// but for find_ways().
  class Listener {
   public:
    Listener() = default;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    virtual ~Listener() = default;

    /// Called once for each ask_lan().
    virtual void learn_lan(const LanResult& result) = 0;
    /// Called once for each ask_pause(). \param is_granted the pause is in force.
    virtual void learn_pause(const wg::PublicKey& peer, bool is_granted) = 0;
    /// Not called if no usable answer came.
    virtual void learn_text(const wg::PublicKey& peer, const PublishedText& text) = 0;
    /// Which peers' records the mesh needs (find_questions()).
    [[nodiscard]] virtual MeshQuestions find_mesh_questions(
        const std::set<wg::PublicKey>& listed) = 0;
    /// The ways to the peers that the zone has, for the server to be told. Called from inside
    /// follow().
    [[nodiscard]] virtual std::vector<SeenWay> find_ways() const = 0;
    /// A list that was read to its end. \param server that gave it.
    virtual void learn_mesh(const base::IpAddress& server, const MeshList& list) = 0;
  };

  /// \param context, config, listener outlive the view.
  PrivateView(asio::io_context& context, const Config& config, Listener& listener);

  /// Takes a new reading: finds the server, and sends it what is due. Does nothing if
  /// uses_private_server() is false. \param hubs among the device's peers. \param host this host's
  /// addresses.
  void follow(const base::Now& now, const wg::Device& device, const std::set<wg::PublicKey>& hubs,
              std::span<const base::InterfaceAddress> host);
  /// Asks for a peer's text, unless an answer for this peer is awaited or there is no server.
  void ask_text(const wg::PublicKey& peer);
  /// Tells the hub, inside its tunnel, that these peers are reached through it now. What it answers
  /// changes nothing. \return false: it cannot be told, because it has no server there.
  [[nodiscard]] bool say_via(const ViaRequest& via);
  /// Asks the hub, inside its tunnel, for a pause of what it passes on between this host and a
  /// peer.
  void ask_pause(const PauseRequest& pause);
  /// Asks for a peer's LAN addresses. Those that the operator wrote down are added to the answer.
  void ask_lan(const wg::PublicKey& peer);

 private:
  void ask_hub_names(base::SteadyTime now);
  void read_mesh(base::SteadyTime now);
  void learn_mesh(const base::Endpoint& server, const base::Expected<MeshList, LookupError>& list);

  asio::io_context& context_;
  const Config& config_;
  Listener& listener_;
  std::optional<base::Endpoint> server_;
  std::map<wg::PublicKey, base::Endpoint> hub_servers_;  // each hub's own
  std::optional<wg::PublicKey> key_;                     // the device's
  std::set<wg::PublicKey> text_questions_;               // peers whose answers are awaited
  PrivateClient client_;
  LanExchange lan_;
  PathExchange paths_;
  MeshReader mesh_reader_;
  base::SteadyTime mesh_due_;
  base::SteadyTime names_due_;
  bool mesh_failing_ = false;  // logged
  std::minstd_rand random_{std::random_device()()};
};

}  // namespace updater
