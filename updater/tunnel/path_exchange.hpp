#pragma once

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "updater/tunnel/path_teller.hpp"
#include "updater/tunnel/private_client.hpp"
#include "wg/public_key.hpp"

namespace updater {

/// Tells the server inside the tunnel this host's ways to the other peers, for people to look at.
/// Nothing that the server answers changes what the updater does with a peer. Used from the thread
/// of its io_context.
class PathExchange {
 public:
  /// Finds the ways; called at most once in 2 s, from inside follow().
  using Look = std::function<std::vector<SeenWay>()>;

  /// \param client outlives the exchange.
  PathExchange(PrivateClient& client, const dns::Name& zone, Look look);

  /// Sends what is due. \param key the device's; none, or no server: nothing is told.
  void follow(base::SteadyTime now, const std::optional<wg::PublicKey>& key,
              const std::optional<base::Endpoint>& server);

 private:
  void tell(const std::vector<schema::PathEdit>& edits);

  PrivateClient& client_;
  dns::Name zone_;
  Look look_;
  std::minstd_rand random_;
  PathTeller teller_;
  std::optional<std::string> told_trouble_;  // the trouble that was logged last
  unsigned generation_ = 0;  // of server and key: a reply of another one says nothing

  // From the last call.
  std::optional<wg::PublicKey> key_;
  std::optional<base::Endpoint> server_;
};

}  // namespace updater
