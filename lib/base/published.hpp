#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace base {

/// A value that any thread reads and one thread replaces as a whole. A reader may keep the value
/// that it got for as long as it likes.
template <typename T>
class Published {
 public:
  explicit Published(std::shared_ptr<const T> value) : value_(std::move(value)) {}
  [[nodiscard]] std::shared_ptr<const T> get() const {
    return value_.load(std::memory_order_acquire);
  }
  void set(std::shared_ptr<const T> value) {
    value_.store(std::move(value), std::memory_order_release);
  }

 private:
  std::atomic<std::shared_ptr<const T>> value_;
};

}  // namespace base
