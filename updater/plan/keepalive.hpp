#pragma once

#include <chrono>
#include <utility>
#include <vector>

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

}  // namespace updater
