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

/// Tells when this host is connected in another way: its addresses outside the tunnel, or the
/// kernel's ways to the endpoints of the device's peers. Notices of the kernel that change neither
/// (containers, renewed leases, other links) are nothing. Used from the thread of its io_context.
class LocalWatch {
 public:
  /// Addresses of peers that packets leave for from another address of this host than before, or
  /// from none.
  using Resourced = std::set<base::IpAddress>;

  /// \param context outlives the watch. \param interface the tunnel.
  /// \param changed called some 100 ms after the change: an address and its routes come one after
  /// the other.
  LocalWatch(asio::io_context& context, std::string interface,
             std::function<void(const Resourced&)> changed);
  ~LocalWatch();
  LocalWatch(const LocalWatch&) = delete;
  LocalWatch& operator=(const LocalWatch&) = delete;

  /// A new reading: from now on the ways to these peers count. The first 64 of them; others share
  /// the same default route.
  void follow(const wg::Device& device);

 private:
  using Ways = std::map<base::IpAddress, std::optional<base::Route>>;  ///< none: no way

  void wait();
  void settle();
  void compare();
  [[nodiscard]] std::optional<std::vector<base::InterfaceAddress>> read_addresses() const;

  std::string interface_;
  std::function<void(const Resourced&)> changed_;
  std::optional<base::InterfaceWatch> watch_;  ///< none: the kernel gave none, which is said once
  asio::posix::stream_descriptor readable_;    ///< watch_'s own, borrowed
  asio::steady_timer timer_;
  bool settling_ = false;
  std::optional<std::vector<base::InterfaceAddress>> addresses_;
  std::uint32_t mark_ = 0;
  Ways ways_;
};

}  // namespace updater
