#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.hpp"
#include "base/ip_address.hpp"
#include "dns/name.hpp"

namespace dnsd {

/// A WireGuard peer behind a NAT usually sends a keepalive every 25 s. The poll interval comes on
/// top, and some slack for a busy host.
inline constexpr std::chrono::seconds usual_keepalive{25};
inline constexpr std::chrono::seconds keepalive_slack{5};

/// What the running daemon tells `wg-dnsd doctor`: what it believes, to be compared with what the
/// world sees.
struct DoctorFacts {
  struct Address {
    base::IpAddress address;
    bool is_on_host = false;   ///< false: translated to this host (1:1 NAT), or wrong
    bool is_listened = false;  ///< a public listener answers there, on port 53

    friend bool operator==(const Address&, const Address&) = default;
  };
  struct Server {
    dns::Name name;
    std::vector<Address> addresses;

    friend bool operator==(const Server&, const Server&) = default;
  };
  struct SilentPeer {
    std::string peer;      ///< key, and name when it has one
    std::string endpoint;  ///< where it was seen last
    std::string source;    ///< which saw it there
    std::int64_t seconds = 0;

    friend bool operator==(const SilentPeer&, const SilentPeer&) = default;
  };

  dns::Name zone;
  std::uint32_t serial = 0;
  int state = 0;                      ///< exit code of `status`
  std::vector<std::string> problems;  ///< why it is not 0
  std::string delegation;             ///< the records for the parent zone, one per line
  std::vector<std::string> advice;    ///< what keeps others from finding this server
  std::vector<Server> servers;        ///< as the zone states them
  std::vector<std::string> exposed;   ///< private listeners that strangers may reach
  std::string probe;  ///< a name with an SRV record like those of peers; empty: there is none

  std::size_t registered = 0;            ///< peers, without the host's own keys
  std::size_t heard = 0;                 ///< within keepalive and slack
  std::size_t never_seen = 0;            ///< and without a fixed endpoint
  std::size_t hinted = 0;                ///< never seen; a file of peers says where they were
  std::size_t stale = 0;                 ///< off, or without a keepalive
  std::size_t silent_count = 0;          ///< silent for longer than a keepalive, and not yet stale
  std::vector<SilentPeer> silent_peers;  ///< the first ones of these

  friend bool operator==(const DoctorFacts&, const DoctorFacts&) = default;
};

/// Silent peers that are listed one by one.
inline constexpr std::size_t max_silent_peers = 20;

/// JSON, one line.
[[nodiscard]] std::string write_doctor_facts(const DoctorFacts& facts);
/// \error one sentence: a daemon of another version.
[[nodiscard]] base::Expected<DoctorFacts, std::string> parse_doctor_facts(std::string_view text);

}  // namespace dnsd
