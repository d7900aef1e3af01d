#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// The protocol on the control socket of a running program, a Unix stream socket.
///
/// The client sends one request: one line of at most max_request octets, in the program's own
/// words. The server answers with chunks and closes. A chunk is its length in decimal, a newline,
/// and that many octets, at most 1 MiB; the last one has length 0 and is followed by one line of
/// JSON, the result: `{"exit":0}`, or `{"exit":2,"error":"why"}`. A reply without that line was cut
/// short. The chunks together are what the command prints. Pure.
namespace control {

inline constexpr std::size_t max_request = 4096;
inline constexpr std::size_t max_chunk = 1U << 20U;
inline constexpr std::size_t max_path = 107;  ///< of the socket: sun_path holds one octet more

/// How a command ended; `exit` is the exit code of the program that asked.
struct Result {
  int exit = 0;
  std::string error = {};  ///< one line for standard error; empty: none

  friend bool operator==(const Result&, const Result&) = default;
};

/// What a command prints and how it ends.
struct Reply {
  std::string text = {};  ///< what is printed first, of any size
  /// Makes the next piece of what is printed, empty at the end; called when the client has taken
  /// the one before, so a large reply is never in memory as a whole. Null: `text` is all.
  std::function<std::string()> more = {};
  Result result = {};
};

/// \param text 1 to max_chunk octets.
[[nodiscard]] std::string write_chunk(std::string_view text);
/// The end of a reply. Octets that are not UTF-8 are replaced.
[[nodiscard]] std::string write_result(const Result& result);

/// Takes a reply apart as it arrives, in pieces of any size. Malformed input is an error that
/// stays.
class ReplyReader {
 public:
  enum class State : std::uint8_t { reading, done, malformed };

  /// \return what is to be printed now, borrowed until the next call.
  [[nodiscard]] std::string_view feed(std::string_view received);
  [[nodiscard]] State state() const { return state_; }
  /// Only when done.
  [[nodiscard]] const Result& result() const { return result_; }

 private:
  bool take_line();

  State state_ = State::reading;
  std::string line_;            // an unfinished line: a length or the result
  std::size_t chunk_left_ = 0;  // octets of the chunk that are still to come
  bool last_chunk_seen_ = false;
  std::string output_;
  Result result_;
};

}  // namespace control
