#pragma once

#include <string>
#include <system_error>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "dns/transport.hpp"
#include "dnsd/serve/answer_threads.hpp"

/// Opening the sockets that wg-dnsd listens on.
namespace dnsd {

/// Where to bind. Two of them with equal members are the same place.
struct BindAddress {
  base::Endpoint endpoint;  ///< the unspecified address: all of that family
  /// Zone of an IPv6 link-local address; 0: none.
  unsigned scope = 0;
  /// Accepts only what arrives through this interface; empty: through any. The index tells an
  /// interface from a later one of the same name.
  std::string device = {};
  unsigned device_index = 0;

  friend bool operator==(const BindAddress&, const BindAddress&) = default;
};

/// Why an address cannot be bound, and for which transport.
struct BindError {
  dns::Transport transport{};
  std::error_code code;

  /// \param number one of errno(3)
  [[nodiscard]] bool is(int number) const {
    return code == std::error_code(number, std::generic_category());
  }
};

/// Whether a socket may be bound beside others that overlap with it (a wildcard, and an address
/// that it covers). `with_own`: beside our own; the kernel gives each packet to the most specific
/// socket. `exclusive`: beside none, so that the socket of any other server shows as EADDRINUSE.
enum class Sharing : std::uint8_t { exclusive, with_own };

/// \param count answer threads, at least 1. \return `count` sockets of each transport: bound, TCP
/// listening, non-blocking, close-on-exec; the caller owns them. \error the first that failed; none
/// stays open.
[[nodiscard]] base::Expected<ListenSockets, BindError> open_listen_sockets(
    const BindAddress& address, std::size_t count, Sharing sharing);
/// The same for UDP alone.
[[nodiscard]] base::Expected<ListenSockets, BindError> open_udp_sockets(const BindAddress& address,
                                                                        std::size_t count,
                                                                        Sharing sharing);

/// Sets our options on a socket that another process bound to `place`. \return zero: done.
[[nodiscard]] std::error_code prepare_inherited(int socket, dns::Transport transport,
                                                const base::Endpoint& place);
/// The interface that a socket is tied to; empty: none.
[[nodiscard]] std::string read_device(int socket);
/// Ties a socket to an interface: it accepts only what arrives there. \param device empty: the
/// socket stays as it is. \return zero: done.
[[nodiscard]] std::error_code tie_to_device(int socket, const std::string& device);

}  // namespace dnsd
