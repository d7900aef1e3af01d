#pragma once

#include <string>
#include <system_error>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "dns/transport.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/serve/answer_threads.hpp"

/// Opening the sockets that wg-dnsd listens on.
namespace dnsd {

/// Where to bind. Two of them with equal members are the same place.
struct BindAddress {
  base::Endpoint endpoint;  ///< the unspecified address: all of that family
  /// Zone of an IPv6 link-local address; 0: none.
  unsigned scope = 0;
  /// Only what arrives through this interface is accepted; empty: whatever arrives. The index tells
  /// an interface from a later one of the same name.
  std::string device = {};
  unsigned device_index = 0;

  friend bool operator==(const BindAddress&, const BindAddress&) = default;
};

struct BindError {
  dns::Transport transport{};
  std::error_code code;

  /// \param number one of errno(3)
  [[nodiscard]] bool is(int number) const {
    return code == std::error_code(number, std::generic_category());
  }
};

/// Whether a socket may be bound beside our own that overlap with it, a wildcard and an address
/// that it covers. The kernel then gives each packet to the most specific one. Exclusive finds out
/// about every other server.
enum class Sharing : std::uint8_t { exclusive, with_own };

/// \param count answer threads, at least 1.
[[nodiscard]] base::Expected<ListenSockets, BindError> open_listen_sockets(
    const BindAddress& address, std::size_t count, Sharing sharing);
/// The same for UDP alone.
[[nodiscard]] base::Expected<ListenSockets, BindError> open_udp_sockets(const BindAddress& address,
                                                                        std::size_t count,
                                                                        Sharing sharing);

/// Gives a socket that somebody else bound to `place` the options of ours. \return zero: done.
[[nodiscard]] std::error_code prepare_inherited(int socket, dns::Transport transport,
                                                const base::Endpoint& place);
/// Lets a socket accept only what arrives through this interface. \param device empty: whatever it
/// is tied to stays. \return zero: done.
[[nodiscard]] std::error_code tie_to_device(int socket, const std::string& device);

}  // namespace dnsd
