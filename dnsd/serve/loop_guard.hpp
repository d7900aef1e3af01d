#pragma once

#include <sys/socket.h>

#include <vector>

#include "base/endpoint.hpp"
#include "base/ip_address.hpp"

namespace dnsd {

/// One address and port where we answer; for loopback, all of 127.0.0.0/8.
struct OwnPlace {
  base::Prefix addresses;
  base::Port port{};
  unsigned scope = 0;  ///< zone of an IPv6 link-local address; 0: none

  friend auto operator<=>(const OwnPlace&, const OwnPlace&) = default;
  friend bool operator==(const OwnPlace&, const OwnPlace&) = default;
};

/// The addresses and ports of our own listeners. A datagram with one of them as its source is
/// forged: answering it would make the server talk to itself. Any other source on this host is a
/// client. A plain value.
class LoopGuard {
 public:
  LoopGuard() = default;
  explicit LoopGuard(std::vector<OwnPlace> places);

  /// Whether to ignore a datagram from this source. \param storage the same source as the kernel
  /// reports it: it has the scope. The port alone decides nearly always.
  [[nodiscard]] bool rejects(const base::Endpoint& source, const sockaddr_storage& storage) const;

 private:
  std::vector<base::Port> ports_;  // of places_, each once
  std::vector<OwnPlace> places_;
};

}  // namespace dnsd
