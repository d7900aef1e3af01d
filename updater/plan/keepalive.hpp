#pragma once

#include <chrono>
#include <utility>
#include <vector>

namespace updater {

/// One peer's persistent keepalive: tells the user's value from the values that we set. A plain
/// value. All values are 0–65535 s; 0: off.
class Keepalive {
 public:
  Keepalive() = default;
  Keepalive(std::chrono::seconds user, std::vector<std::chrono::seconds> ours,
            std::vector<std::chrono::seconds> past = {})
      : user_(user), ours_(std::move(ours)), past_(std::move(past)) {}

  /// The user's value.
  [[nodiscard]] std::chrono::seconds user() const { return user_; }
  /// The values that the device may show because of us. Empty: it shows the user's. One: our last
  /// write. Two: before and after a write that may have failed.
  [[nodiscard]] const std::vector<std::chrono::seconds>& ours() const { return ours_; }

  /// The values that were ours when the peer or its device vanished. A configuration file that was
  /// saved just before (SaveConfig of wg-quick(8)) brings them back.
  [[nodiscard]] const std::vector<std::chrono::seconds>& past() const { return past_; }

  /// The device shows the peer for the first time, or again. \param is_as_left its endpoint is the
  /// last one that worked. Only a saved file can know that one, so a value of past() is ours and
  /// not the user's wish.
  void meet(std::chrono::seconds shown, bool is_as_left);
  /// The device shows this value: the user's, unless it is ours.
  void observe(std::chrono::seconds shown);
  /// Call before `value` is written where the device shows `shown`. The result has to be on disk
  /// before the write.
  void prepare(std::chrono::seconds shown, std::chrono::seconds value);
  /// The peer vanished: the values of ours() become those of past().
  void release();
  /// The user's value is back on the device: ours() and past() become empty.
  void forget() { *this = Keepalive(user_, {}); }

  friend bool operator==(const Keepalive&, const Keepalive&) = default;

 private:
  std::chrono::seconds user_{0};
  std::vector<std::chrono::seconds> ours_;
  std::vector<std::chrono::seconds> past_;
};

}  // namespace updater
