#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "wg/public_key.hpp"

/// What wg-updater has to know after a restart, kill -9 included: /var/lib/wg-updater/IFACE.json.
namespace updater {

/// One peer's persistent keepalive: the user's value, told apart from those that we set. A plain
/// value.
class Keepalive {
 public:
  Keepalive() = default;
  Keepalive(std::chrono::seconds user, std::vector<std::chrono::seconds> ours,
            std::vector<std::chrono::seconds> past = {})
      : user_(user), ours_(std::move(ours)), past_(std::move(past)) {}

  [[nodiscard]] std::chrono::seconds user() const { return user_; }
  /// The values that the device may show because of us: none (it shows the user's), the last one
  /// written, or two around a write that may not have happened.
  [[nodiscard]] const std::vector<std::chrono::seconds>& ours() const { return ours_; }

  /// The values that were ours when the peer or its device vanished: a file that was saved just
  /// before (SaveConfig of wg-quick(8)) brings them back.
  [[nodiscard]] const std::vector<std::chrono::seconds>& past() const { return past_; }

  /// The device shows the peer for the first time, or anew. \param is_as_left its endpoint is the
  /// one that it had last, which only a saved file can know: a value that was ours then is no wish
  /// of the user's.
  void meet(std::chrono::seconds shown, bool is_as_left);
  /// The device shows this value: the user's, unless it is ours.
  void observe(std::chrono::seconds shown);
  /// We are about to set `value` where the device shows `shown`. Has to be on disk before the
  /// write.
  void prepare(std::chrono::seconds shown, std::chrono::seconds value);
  /// The peer vanished, and with it what was ours.
  void release();
  /// The user's value is back on the device: nothing is ours any more.
  void forget() { *this = Keepalive(user_, {}); }

  friend bool operator==(const Keepalive&, const Keepalive&) = default;

 private:
  std::chrono::seconds user_{0};
  std::vector<std::chrono::seconds> ours_;
  std::vector<std::chrono::seconds> past_;
};

struct PeerMemory {
  Keepalive keepalive;
  std::optional<base::Endpoint> last_good;  ///< the endpoint that worked last

  /// Whether we added the peer to the device (mesh.hpp).
  enum class Mesh : std::uint8_t {
    none,     ///< we did not
    adding,   ///< we are about to; not seen on the device yet
    added,    ///< we did
    removed,  ///< and it was removed by hand
  };
  Mesh mesh = Mesh::none;
  unsigned mesh_device = 0;  ///< adding, added: the interface's index

  friend bool operator==(const PeerMemory&, const PeerMemory&) = default;
};

using Memory = std::map<wg::PublicKey, PeerMemory>;

/// JSON, version 1. \param boot identifies this boot of the machine: a device does not survive a
/// reboot, and what we set there is past.
[[nodiscard]] std::string write_memory(const Memory& memory, std::string_view boot);
/// \return the memory, its keepalives released when it is from another boot; or what is wrong.
[[nodiscard]] base::Expected<Memory, std::string> parse_memory(std::string_view json,
                                                               std::string_view boot);

/// The file. Not thread-safe: one owner.
class MemoryFile {
 public:
  enum class Access : std::uint8_t { read_only, read_write };
  MemoryFile(std::filesystem::path path, Access access);

  /// A file that cannot be understood is said once and kept aside as `FILE.bad`; then, and when
  /// there is none yet, the memory is empty.
  [[nodiscard]] Memory load() const;
  /// Replaces the file in one step: after a crash it is the old one or the new one. A failure is
  /// logged when it begins and when it ends. Read-only: does nothing.
  void save(const Memory& memory);

 private:
  std::filesystem::path path_;
  Access access_;
  std::string boot_;
  bool failing_ = false;
};

}  // namespace updater
