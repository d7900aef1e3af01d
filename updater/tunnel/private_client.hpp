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
#include "updater/lookup/lookup.hpp"

namespace updater {

/// Exchanges DNS messages with a server inside the tunnel, over UDP: each from a socket of its own
/// that is bound to the WireGuard interface and connected to the server. So what is read here came
/// through the tunnel from that address, whatever routes this host has. There is no TCP inside.
/// Used from the thread of its io_context.
class PrivateClient {
 public:
  /// The reply with the id of the message; or timeout, unreachable.
  using Result = base::Expected<std::vector<std::uint8_t>, LookupError>;
  using Done = std::function<void(const Result&)>;

  /// \param context outlives the client.
  PrivateClient(asio::io_context& context, std::string interface);
  /// What is under way ends silently.
  ~PrivateClient();
  PrivateClient(const PrivateClient&) = delete;
  PrivateClient& operator=(const PrivateClient&) = delete;

  /// Sends it up to four times within 7.5 s, and calls `done` once, never from inside this call.
  /// Eight are under way at a time, the others wait. \param message at least a header.
  void exchange(const base::Endpoint& server, std::vector<std::uint8_t> message, Done done);

 private:
  class Exchange;
  void start_next();
  void end(const std::shared_ptr<Exchange>& exchange);

  asio::io_context& context_;
  std::string interface_;
  std::deque<std::shared_ptr<Exchange>> waiting_;
  std::set<std::shared_ptr<Exchange>> running_;
  bool told_ = false;  // that no socket can be bound to the interface
};

}  // namespace updater
