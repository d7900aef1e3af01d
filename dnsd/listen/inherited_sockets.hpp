#pragma once

#include <string>
#include <vector>

#include "dns/transport.hpp"
#include "dnsd/listen/listen_socket.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

/// Sockets that were bound before we began, by systemd for a privileged port
/// (systemd.socket(5), sd_listen_fds(3)). They are kept until the end and given to the answer
/// threads as duplicates, so that a reload never closes a place that we could not bind again.
class InheritedSockets {
 public:
  InheritedSockets() = default;

  /// Those that $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES speak of, or none; takes the variables
  /// out of the environment. Call once, before there are threads. \throws ConfigError
  [[nodiscard]] static InheritedSockets take();

  /// \param first the lowest descriptor. \param names what each is called: `public` or `private`,
  /// the view that it answers; as many as there are sockets. Owns them from here on, and closes
  /// none of them on error. \throws ConfigError that names the descriptor
  [[nodiscard]] static InheritedSockets adopt(int first, const std::vector<std::string>& names);

  /// Adds the places of the sockets to the listeners of the configuration. \throws ConfigError when
  /// it wants one of them with the other view.
  void add_places(Config& config) const;
  /// Whether there is a socket for that place.
  [[nodiscard]] bool has(const base::Endpoint& place) const;
  /// Whether one of them covers that place, or is a part of it.
  [[nodiscard]] bool overlap(const base::Endpoint& place) const;
  /// Its sockets, ready to be served: of each transport that there is one for each answer thread.
  /// \param count answer threads, at least 1.
  [[nodiscard]] base::Expected<ListenSockets, BindError> open(const BindAddress& place,
                                                              std::size_t count) const;
  /// One line for each place that answers over UDP or TCP alone.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  struct Socket {
    base::FileDescriptor descriptor;
    ListenAddress place;
    dns::Transport transport{};
  };
  [[nodiscard]] bool has(const base::Endpoint& place, dns::Transport transport) const;

  std::vector<Socket> sockets_;
};

}  // namespace dnsd
