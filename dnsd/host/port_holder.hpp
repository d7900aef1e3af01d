#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "dns/transport.hpp"

/// Which program holds an address that we cannot bind, as far as proc(5) tells. For error messages
/// only.
namespace dnsd {

/// One line of /proc/self/net/{udp,udp6,tcp,tcp6}.
struct OpenSocket {
  base::Endpoint local;
  std::uint64_t inode = 0;
  bool is_listening = false;  ///< TCP only

  friend bool operator==(const OpenSocket&, const OpenSocket&) = default;
};

/// Lines that are not understood are skipped.
[[nodiscard]] std::vector<OpenSocket> parse_open_sockets(std::string_view text);

/// Whether two sockets of one transport, bound to these addresses, are in conflict.
[[nodiscard]] bool overlap(const base::Endpoint& a, const base::Endpoint& b);

struct PortHolder {
  std::string program;   ///< as in ps, at most 15 octets; empty: not readable
  std::string process;   ///< its number; empty: not readable
  base::Endpoint local;  ///< what it holds
};

/// `dnsmasq (process 812)`, or that it is not readable.
[[nodiscard]] std::string describe(const PortHolder& holder);

/// \return nullopt: no socket is seen there. Reads /proc; takes milliseconds.
[[nodiscard]] std::optional<PortHolder> find_port_holder(dns::Transport transport,
                                                         const base::Endpoint& endpoint);

}  // namespace dnsd
