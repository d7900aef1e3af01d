#pragma once

#include <string>
#include <vector>

#include "dns/transport.hpp"
#include "dnsd/listen/listen_socket.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

/// Sockets that systemd bound before this process began, for a privileged port (systemd.socket(5),
/// sd_listen_fds(3)). They stay open until the end, and answer threads get duplicates, so that a
/// reload never closes an address that we could not bind again.
class InheritedSockets {
 public:
  InheritedSockets() = default;

  /// The sockets that $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES describe, or none. Removes the
  /// variables from the environment. Call once, before there are threads. \throws ConfigError
  [[nodiscard]] static InheritedSockets take();

  /// \param first the lowest descriptor. \param names one for each socket, `public` or `private`:
  /// the view that it answers. Owns the sockets from here on; on error it closes none of them.
  /// \throws ConfigError that names the descriptor
  [[nodiscard]] static InheritedSockets adopt(int first, const std::vector<std::string>& names);

  /// Adds the places of the sockets to the listeners of the configuration. \throws ConfigError when
  /// the configuration names one of them with the other view.
  void add_places(Config& config) const;
  /// Whether there is a socket for that place.
  [[nodiscard]] bool has(const base::Endpoint& place) const;
  /// Whether one of them covers that place, or is covered by it.
  [[nodiscard]] bool overlap(const base::Endpoint& place) const;
  /// The interface that a socket of that place accepts from alone, as the service manager tied it
  /// (BindToDevice=); empty: there is none.
  [[nodiscard]] std::string device_of(const base::Endpoint& place) const;
  /// The sockets of one place, ready to be served: one for each answer thread, of each transport
  /// that was inherited. \param count answer threads, at least 1.
  [[nodiscard]] base::Expected<ListenSockets, BindError> open(const BindAddress& place,
                                                              std::size_t count) const;
  /// One line for each place that answers over UDP or TCP alone.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  struct Socket {
    base::FileDescriptor descriptor;
    ListenAddress place;
    dns::Transport transport{};
    std::string device;  ///< that it is tied to; empty: none
  };
  [[nodiscard]] bool has(const base::Endpoint& place, dns::Transport transport) const;

  std::vector<Socket> sockets_;
};

}  // namespace dnsd
