#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/interfaces.hpp"
#include "dnsd/host/host_addresses.hpp"
#include "dnsd/listen/listen_socket.hpp"
#include "dnsd/serve/loop_guard.hpp"
#include "dnsd/settings/config.hpp"

/// Which places to listen on, decided from what the operator wants and what the host has. Pure.
namespace dnsd {

/// One listener that there should be.
struct PlannedListener {
  enum class Origin : std::uint8_t {
    address,      ///< the operator named this address
    wildcard,     ///< all addresses of a family, with one socket
    one_of_many,  ///< an address of the host, because another server holds some of a wildcard's
  };
  BindAddress address;
  View view{};
  Origin origin{};
  /// It must wait until the host has the address: a link-local one is bound with its interface, and
  /// a private listener is tied to the interface that has the address.
  bool absent = false;

  friend bool operator==(const PlannedListener&, const PlannedListener&) = default;
};

/// Whether strangers may reach a socket that is bound there: not if it is tied to an interface, nor
/// on loopback, link-local and private addresses. A wildcard is as exposed as the host.
[[nodiscard]] bool is_exposed(const BindAddress& address);

/// \return one line about a private listener that strangers may reach; nullopt: they do not.
[[nodiscard]] std::optional<std::string> exposure_warning(const PlannedListener& plan);

/// \param refused wildcards that cannot be bound because another server holds a part of them.
/// \return each place once; a private listener on an address of a WireGuard interface is tied to
/// that interface.
[[nodiscard]] std::vector<PlannedListener> plan_listeners(std::span<const ListenAddress> wanted,
                                                          const HostAddresses& host,
                                                          const std::set<base::Endpoint>& refused);

/// Shortcuts of one wildcard at most; each takes a socket per thread.
inline constexpr std::size_t max_shortcuts = 32;

/// Addresses of the host that get UDP sockets of their own beside a wildcard that covers them. Such
/// a socket needs no control messages that say which address was asked and where the reply leaves
/// from; they are a twentieth of what a query costs. Where there is none, the wildcard answers.
/// \param planned every listener. An address with a listener of its own gets no shortcut.
[[nodiscard]] std::vector<BindAddress> plan_shortcuts(const BindAddress& wildcard,
                                                      const HostAddresses& host,
                                                      std::span<const PlannedListener> planned);

/// The guard for sockets bound there: every address and port where they answer, wildcards spelled
/// out.
[[nodiscard]] LoopGuard make_loop_guard(std::span<const BindAddress> bound,
                                        const HostAddresses& host);

}  // namespace dnsd
