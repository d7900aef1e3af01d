#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/expected.hpp"
#include "base/secret.hpp"
#include "wg/device.hpp"
#include "wg/peer_collector.hpp"

/// WireGuard's text protocol for devices in user space (wireguard.com/xplatform): lines
/// `key=value`, ended by `errno=N` and an empty line. Text only, no sockets.
namespace wg {

/// What a device answered to `get=1` or `set=1`.
struct UapiReply {
  int error = 0;  ///< errno, positive; 0: done
  Device device;  ///< empty in the answer to `set=1`; the name is the caller's to fill in
  bool is_boringtun = false;
};

/// Why a reply is not one.
struct UapiError {
  std::size_t line = 0;  ///< 1-based; 0: the reply as a whole
  std::string message;   ///< never contains what the line held
};

/// Reads a reply in pieces of any size, in memory proportional to the device. The private key is
/// turned into the public one at once, preshared keys are skipped, and the copy of a line that
/// arrived in two pieces is wiped.
class UapiReader {
 public:
  /// The longest line a device has reason to send is an endpoint or a key: below 100 characters.
  static constexpr std::size_t max_line = 256;
  /// A million peers are 0.4 GiB; more than this is not a device.
  static constexpr std::size_t max_size = std::size_t{1} << 30U;

  /// \param now wall time when the question was asked: boringtun tells the age of a handshake,
  /// which becomes a time in whole seconds. Two readings of one handshake agree, except for one in
  /// about a thousand that began at the turn of a second: those may be one second apart.
  /// \param room octets that the whole reply may have.
  explicit UapiReader(std::chrono::sys_time<std::chrono::nanoseconds> now,
                      std::size_t room = max_size)
      : now_(now), room_(room) {}

  /// \return true: more is wanted; false: the reply is complete or wrong, see finish().
  bool feed(std::string_view piece);
  /// After the last piece.
  [[nodiscard]] base::Expected<UapiReply, UapiError> finish() &&;

 private:
  struct Key;
  static const Key* find_key(std::string_view name);

  void read_line(std::string_view line);
  bool read_errno(std::string_view value);
  bool read_private_key(std::string_view value);
  bool read_own_public_key(std::string_view value);
  bool read_listen_port(std::string_view value);
  bool read_fwmark(std::string_view value);
  bool read_public_key(std::string_view value);
  bool read_endpoint(std::string_view value);
  bool read_handshake_seconds(std::string_view value);
  bool read_handshake_nanoseconds(std::string_view value);
  bool read_tx_bytes(std::string_view value);
  bool read_rx_bytes(std::string_view value);
  bool read_keepalive(std::string_view value);
  bool read_allowed_ip(std::string_view value);
  void finish_peer();
  void fail(std::string message) { error_ = UapiError{line_, std::move(message)}; }

  std::chrono::sys_time<std::chrono::nanoseconds> now_;
  base::WipedBuffer<char> pending_{max_line};  // the start of a line whose end has not arrived
  std::size_t pending_size_ = 0;
  std::size_t line_ = 0;  // of the last line read
  std::size_t room_;      // for the rest of the reply
  bool has_verdict_ = false;
  bool is_complete_ = false;
  std::optional<UapiError> error_;

  UapiReply reply_;
  PeerCollector peers_;
  DevicePeer* peer_ = nullptr;  // the one whose lines are being read
  std::optional<std::chrono::nanoseconds> handshake_seconds_;
  std::chrono::nanoseconds handshake_nanoseconds_{};
};

/// The whole `set=1` request. Each update is update-only.
[[nodiscard]] std::string write_uapi_set(std::span<const PeerUpdate> updates);

/// The same for peers to change, to remove and to add.
[[nodiscard]] std::string write_uapi_membership(const Membership& change);

/// The whole `get=1` request.
inline constexpr std::string_view uapi_get = "get=1\n\n";

}  // namespace wg
