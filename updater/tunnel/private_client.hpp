#pragma once

#include <asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"
#include "updater/lookup/lookup.hpp"

namespace updater {

/// What a question inside the tunnel says of the longest reply to it, in octets (EDNS): it fits
/// into one packet of every tunnel.
inline constexpr std::uint16_t max_reply_octets = 1232;

/// Exchanges DNS messages with a server inside the tunnel, over UDP. Each exchange has a socket of
/// its own, bound to the WireGuard interface and connected to the server: this host's routes have
/// no influence, and everything it receives came through the tunnel from that address. There is no
/// TCP inside the tunnel. Used from the thread of its io_context.
class PrivateClient {
 public:
  /// The reply, which has the id of the message. \error timeout, unreachable.
  using Result = base::Expected<std::vector<std::uint8_t>, LookupError>;
  using Done = std::function<void(const Result&)>;

  /// \param context outlives the client.
  PrivateClient(asio::io_context& context, std::string interface);
  /// Drops the exchanges that are under way: their `done` is not called.
  ~PrivateClient();
  PrivateClient(const PrivateClient&) = delete;
  PrivateClient& operator=(const PrivateClient&) = delete;

  /// Sends the message up to four times within 7.5 s, and calls `done` once, never from inside this
  /// call. At most eight exchanges run at a time; the others wait. \param message at least a
  /// header.
  void exchange(const base::Endpoint& server, std::vector<std::uint8_t> message, Done done);

 private:
  class Exchange;
  void start_next();
  void end(const std::shared_ptr<Exchange>& exchange);

  asio::io_context& context_;
  std::string interface_;
  std::deque<std::shared_ptr<Exchange>> waiting_;
  std::set<std::shared_ptr<Exchange>> running_;
  bool told_ = false;  // logged: no socket can be bound to the interface
};

/// What the server did about an UPDATE. \param id, zone of that. \error why there is no reply, or
/// it is malformed.
[[nodiscard]] base::Expected<dns::Rcode, LookupError> read_update_rcode(
    const PrivateClient::Result& reply, std::uint16_t id, dns::NameView zone);

}  // namespace updater
