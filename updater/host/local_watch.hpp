#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/interfaces.hpp"
#include "base/route.hpp"
#include "wg/device.hpp"

namespace updater {

/// How this host is connected outside the tunnel.
struct Connection {
  /// The addresses that may be announced, of interfaces that are up, sorted by interface index.
  std::vector<base::InterfaceAddress> addresses;
  std::map<base::IpAddress, std::optional<base::Route>> ways;  ///< routes to peers; none: no route

  friend bool operator==(const Connection&, const Connection&) = default;
};

/// Addresses of peers to which WireGuard may still send from a source address that is wrong now.
/// Either their route has another source address, or none; or this host lost any address of their
/// family, because WireGuard answers from the address that a packet came to, whatever the route
/// prefers. Pure.
[[nodiscard]] std::set<base::IpAddress> find_source_changed(const Connection& before,
                                                            const Connection& now);

/// Tells when this host's addresses outside the tunnel change, or the kernel's routes to the
/// endpoints of the device's peers. Other notices of the kernel (containers, renewed leases, other
/// links) are ignored. Used from the thread of its io_context.
class LocalWatch {
 public:
  /// \param source_changed as find_source_changed().
  using Changed = std::function<void(const std::set<base::IpAddress>& source_changed)>;

  /// \param context outlives the watch. \param interface the tunnel.
  /// \param changed called about 100 ms after a change, because an address and its routes are
  /// reported one after the other.
  LocalWatch(asio::io_context& context, std::string interface, Changed changed);
  ~LocalWatch();
  LocalWatch(const LocalWatch&) = delete;
  LocalWatch& operator=(const LocalWatch&) = delete;

  /// Takes a new reading. From now on the routes to these peers are watched.
  void follow(const wg::Device& device);

 private:
  void wait();
  void settle();
  void compare();
  void read_addresses(Connection& connection) const;

  std::string interface_;
  Changed changed_;
  std::optional<base::InterfaceWatch> watch_;  ///< none: it could not be opened, which is logged
  asio::posix::stream_descriptor readable_;    ///< the descriptor of watch_, borrowed
  asio::steady_timer timer_;
  bool settling_ = false;
  std::uint32_t mark_ = 0;
  Connection connection_;
};

}  // namespace updater
