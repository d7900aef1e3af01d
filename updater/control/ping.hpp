#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/expected.hpp"
#include "base/ip_address.hpp"
#include "control/client.hpp"
#include "updater/report/report.hpp"

/// `wg-updater ping PEER`: the daemon sends echo requests through the tunnel, the command prints
/// what became of them and which way they took, until one took the direct way.
namespace updater {

/// What the daemon has sent to one peer, by order of this command or by itself.
struct Echoes {
  base::IpAddress target;  ///< the peer's own address in the tunnel
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::optional<std::chrono::microseconds> round_trip = {};  ///< of the last answer
};
/// Counts the echo requests to a peer so far. \param send sends one more first. \error one
/// sentence: none can be sent.
using Ping =
    std::function<base::Expected<Echoes, std::string>(const wg::PublicKey& peer, bool send)>;

/// The daemon's answer, as it goes over the control socket.
struct PingAnswer {
  std::string peer = {};      ///< for people
  std::string target = {};    ///< the address in the tunnel
  std::string path = {};      ///< PeerReport::path()
  std::string endpoint = {};  ///< empty: it has none
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::int64_t round_trip = 0;  ///< of the last answer, microseconds

  friend bool operator==(const PingAnswer&, const PingAnswer&) = default;
};

[[nodiscard]] PingAnswer make_ping_answer(const PeerReport& peer, const Echoes& echoes);
/// JSON, one line.
[[nodiscard]] std::string write_ping_answer(const PingAnswer& answer);
/// \return nullopt: the daemon is of another version.
[[nodiscard]] std::optional<PingAnswer> parse_ping_answer(std::string_view text);
/// One line for people. \param is_answered whether the reply to the last request has come.
[[nodiscard]] std::string describe_ping(const PingAnswer& answer, bool is_answered);

/// Sends a request each second, at most `count`, prints a line for each, and ends with the first
/// answer that came directly. Blocks. \return 0: it did; 1: none did; 2: nobody answers.
[[nodiscard]] int run_ping(const control::Daemon& daemon, const std::string& peer, unsigned count,
                           std::FILE* out);

}  // namespace updater
