#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "updater/tunnel/lan.hpp"
#include "updater/tunnel/private_client.hpp"

namespace updater {

/// Announces this host's LAN addresses at the hub's tunnel address, and asks there for those of the
/// other peers. The kernel then looks for each address on the link (ARP, neighbour discovery), and
/// its neighbour table says whether a host has it. An echo request is not used: hosts that refuse
/// echoes still answer ARP, and a mere claim of a peer should send no more than ARP to a neighbour.
/// Used from the thread of its io_context.
class LanExchange {
 public:
  using Done = std::function<void(const LanResult&)>;

  /// \param context, client outlive the exchange. \param is_promised the operator says that a
  /// server takes announcements: otherwise the hub may be an interface, where none does.
  LanExchange(asio::io_context& context, PrivateClient& client, const dns::Name& zone,
              bool is_promised, Done done);

  /// Takes a new reading, after which an announcement may be due. \param server none: nothing is
  /// announced or asked.
  void follow(const base::Now& now, const wg::Device& device,
              std::span<const base::InterfaceAddress> host,
              const std::optional<base::Endpoint>& server);
  /// Asks for a peer's endpoints on its own network. `done` is called once, never from inside this
  /// call. \param written the endpoints that the operator configured; they come first.
  void ask(const wg::PublicKey& peer, schema::LanEndpoints written);

 private:
  /// The endpoints of one peer whose addresses the kernel looks for.
  struct Check {
    wg::PublicKey peer;
    struct Item {
      LanCandidate candidate;
      std::optional<unsigned> link;  ///< interface index where its answer is awaited
    };
    std::vector<Item> items;
    base::SteadyTime until;
  };

  void announce(const schema::LanEndpoints& own);
  void learn(const wg::PublicKey& peer, const schema::LanEndpoints& written,
             const base::Expected<schema::LanEndpoints, LookupError>& told);
  void wait_for_neighbours();
  void look_at_neighbours();

  PrivateClient& client_;
  dns::Name zone_;
  Done done_;
  asio::steady_timer timer_;
  std::vector<Check> checks_;
  std::minstd_rand random_;
  LanAnnouncer announcer_;
  const bool is_promised_;
  std::optional<std::string> told_trouble_;  // the trouble that was logged last

  // From the last reading.
  std::string tunnel_;
  std::optional<wg::PublicKey> key_;
  std::vector<base::InterfaceAddress> host_;
  std::optional<base::Endpoint> server_;
};

}  // namespace updater
