#pragma once

#include <mutex>
#include <optional>
#include <shared_mutex>
#include <type_traits>
#include <utility>

namespace base {

/// A value that several threads use, together with the mutex that guards it: the value cannot be
/// reached without the lock. Any thread may call.
///
///     base::Guarded<Counters> counters;
///     counters.lock()->sent += 1;                // locked for this one expression
///     {
///       const auto held = counters.lock();       // locked to the end of the block
///       held->sent += 1;
///       held->octets += size;
///     }
///     const Counters now = counters.copy();
///
/// \tparam Mutex with std::shared_mutex, read() lets other readers in
template <typename T, typename Mutex = std::mutex>
class Guarded {
  static constexpr bool is_shared = std::is_same_v<Mutex, std::shared_mutex>;
  using WriteLock = std::unique_lock<Mutex>;
  using ReadLock = std::conditional_t<is_shared, std::shared_lock<Mutex>, WriteLock>;

  /// Holds the lock for as long as it lives. Pointers and references to the value must not outlive
  /// it; `*guarded.lock()`, whose reference would, does not compile.
  template <typename Value, typename Lock>
  class Held {
   public:
    Held(Lock lock, Value& value) : lock_(std::move(lock)), value_(&value) {}
    [[nodiscard]] Value* operator->() const { return value_; }
    [[nodiscard]] Value& operator*() const& { return *value_; }
    Value& operator*() const&& = delete;

   private:
    Lock lock_;
    Value* value_;
  };

 public:
  using Writer = Held<T, WriteLock>;
  using Reader = Held<const T, ReadLock>;

  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  /// Waits for the lock.
  [[nodiscard]] Writer lock() { return {WriteLock(mutex_), value_}; }
  [[nodiscard]] Reader read() const { return {ReadLock(mutex_), value_}; }
  /// Does not wait. \return nullopt: another thread holds the lock.
  [[nodiscard]] std::optional<Writer> try_lock() {
    WriteLock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return std::nullopt;
    return Writer(std::move(lock), value_);
  }

  [[nodiscard]] T copy() const {
    const Reader held = read();
    return *held;
  }
  void set(T value) {
    const Writer held = lock();
    *held = std::move(value);
  }

 private:
  mutable Mutex mutex_;
  T value_{};
};

}  // namespace base
