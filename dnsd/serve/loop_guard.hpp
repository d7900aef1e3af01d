#pragma once

#include <sys/socket.h>

#include <vector>

#include "base/endpoint.hpp"
#include "base/ip_address.hpp"

namespace dnsd {

/// One address and port that we answer at; for 127.0.0.0/8 all of it.
struct OwnPlace {
  base::Prefix addresses;
  base::Port port{};
  unsigned scope = 0;  ///< zone of an IPv6 link-local address; 0: none

  friend auto operator<=>(const OwnPlace&, const OwnPlace&) = default;
  friend bool operator==(const OwnPlace&, const OwnPlace&) = default;
};

/// Where our own listeners are. A datagram that says it comes from one of them is a forgery that
/// would have us talk to ourselves. Any other source on this host is a client. A plain value.
class LoopGuard {
 public:
  LoopGuard() = default;
  explicit LoopGuard(std::vector<OwnPlace> places);

  /// Whether a datagram from there is to be ignored. \param source as endpoint. \param storage the
  /// same as the kernel told it, which has the scope. Nearly always decided by the port alone.
  [[nodiscard]] bool rejects(const base::Endpoint& source, const sockaddr_storage& storage) const;

 private:
  std::vector<base::Port> ports_;  // of places_, each once
  std::vector<OwnPlace> places_;
};

}  // namespace dnsd
