#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.hpp"
#include "dnsd/view.hpp"

/// What is spoken on the control socket, a Unix stream socket.
///
/// The client sends one request: a JSON object on one line of at most 4096 octets,
/// `{"command":"zone","view":"public"}`. The server answers with chunks and closes. A chunk is its
/// length in decimal, a newline, and that many octets, at most 1 MiB; the last one has length 0 and
/// is followed by one line of JSON, the result: `{"exit":0}`, or
/// `{"exit":2,"error":"why"}`. A reply without that line was cut short. The chunks together are
/// what the command prints. Pure.
namespace dnsd {

struct ControlRequest {
  enum class Command : std::uint8_t {
    zone,
    status,
    peers,
    query,
    doctor,
    reload,
    pubkey,
    peer_config,
    peer_add,
    peer_remove,
    peer_list,
    peer_reset,
  };
  Command command{};
  View view = View::private_view;  ///< zone, query
  bool json = false;      ///< status, peers, query, peer_list: for programs instead of for people
  std::string name = {};  ///< query: what is asked for, as it was typed; peer_…: name or key
  std::string type = {};  ///< query: SRV, A, TYPE65280
  std::string key = {};   ///< peer_add: the public key
  std::vector<std::string> allowed_ips = {};  ///< peer_add
  std::string preshared_key_file = {};        ///< peer_add: read by the daemon; empty: none

  friend bool operator==(const ControlRequest&, const ControlRequest&) = default;
};

/// How a command ended; `exit` is the exit code of the program that asked.
struct ControlResult {
  int exit = 0;
  std::string error;  ///< one line for standard error; empty: none

  friend bool operator==(const ControlResult&, const ControlResult&) = default;
};

inline constexpr std::size_t max_control_line = 4096;
inline constexpr std::size_t max_control_chunk = 1U << 20U;

/// \param line without its newline. \error one sentence.
[[nodiscard]] base::Expected<ControlRequest, std::string> parse_control_request(
    std::string_view line);
/// With its newline.
[[nodiscard]] std::string write_control_request(const ControlRequest& request);

/// \param text 1 to max_control_chunk octets.
[[nodiscard]] std::string write_control_chunk(std::string_view text);
/// The end of a reply.
[[nodiscard]] std::string write_control_result(const ControlResult& result);

/// Takes a reply apart as it arrives, in pieces of any size. Malformed input is an error that
/// stays.
class ControlReplyReader {
 public:
  enum class State : std::uint8_t { reading, done, malformed };

  /// \return what is to be printed now, borrowed until the next call.
  [[nodiscard]] std::string_view feed(std::string_view received);
  [[nodiscard]] State state() const { return state_; }
  /// Only when done.
  [[nodiscard]] const ControlResult& result() const { return result_; }

 private:
  bool take_line();

  State state_ = State::reading;
  std::string line_;            // an unfinished line: a length or the result
  std::size_t chunk_left_ = 0;  // octets of the chunk that are still to come
  bool last_chunk_seen_ = false;
  std::string output_;
  ControlResult result_;
};

}  // namespace dnsd
