#pragma once

#include <cstdint>
#include <random>

#include "dnsd/listen/listen_socket.hpp"

/// A port that is free on every IPv4 address, for UDP and TCP. It is below the range that the
/// kernel draws from (ip_local_port_range), so that no client of another test gets it meanwhile.
inline base::Port free_port() {
  static std::mt19937 draw{std::random_device{}()};
  for (;;) {
    const base::Port port{static_cast<std::uint16_t>(10000 + draw() % 20000)};
    if (dnsd::open_listen_sockets({.endpoint = {*base::IpAddress::parse("0.0.0.0"), port}}, 1,
                                  dnsd::Sharing::exclusive))
      return port;
  }
}
