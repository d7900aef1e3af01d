#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace model {

using Time = double;  ///< seconds since the start of a world

/// Virtual time: runs events in the order of their times. The same seed gives the same course.
class Events {
 public:
  explicit Events(std::uint32_t seed) : random_(seed) {}

  [[nodiscard]] Time now() const { return now_; }
  void at(Time when, std::function<void()> run) {
    queue_.push({when < now_ ? now_ : when, next_order_++, std::move(run)});
  }
  void after(Time delay, std::function<void()> run) { at(now_ + delay, std::move(run)); }
  /// Runs the next event up to `limit`. \return false: there is none.
  bool step(Time limit) {
    if (queue_.empty() || queue_.top().when > limit) return false;
    const auto run = std::move(queue_.top().run);
    now_ = queue_.top().when;
    queue_.pop();
    run();
    return true;
  }
  void run_until(Time limit) {
    while (step(limit)) {
    }
    now_ = limit;
  }

  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  bool chance(double probability) { return uniform(0, 1) < probability; }
  std::uint32_t seed() { return static_cast<std::uint32_t>(random_()); }
  /// 1, 2, 3 …: of handshakes, sessions, requests; each is drawn once in a world.
  std::uint32_t next_number() { return ++numbers_; }

 private:
  struct Event {
    Time when;
    std::uint64_t order;
    mutable std::function<void()> run;  // mutable, to be moved out of the queue's const top
    bool operator>(const Event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };

  std::mt19937 random_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::uint64_t next_order_ = 0;
  std::uint32_t numbers_ = 0;
  Time now_ = 0;
};

}  // namespace model
