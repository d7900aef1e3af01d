#include "base/guarded.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

struct Pair {
  int first = 0;
  int second = 0;
};

using Plain = base::Guarded<Pair>;
using Shared = base::Guarded<Pair, std::shared_mutex>;

// The value cannot be reached without the lock …
template <typename T>
concept Dereferences = requires {
  *std::declval<T>();
};
template <typename T>
concept HasArrow = requires {
  std::declval<T>().operator->();
};
template <typename T>
concept HasValue = requires {
  std::declval<T>().value_;
};
static_assert(!Dereferences<Plain&> && !HasArrow<Plain&> && !HasValue<Plain&>);
static_assert(!std::is_convertible_v<Plain&, Pair&> && !std::is_convertible_v<Plain&, Pair>);
static_assert(!std::is_copy_constructible_v<Plain> && !std::is_move_constructible_v<Plain>);
// … no reference to it outlives a lock that is not kept …
static_assert(Dereferences<const Plain::Writer&> && Dereferences<const Plain::Reader&>);
static_assert(!Dereferences<Plain::Writer&&> && !Dereferences<Plain::Reader&&>);
// … and a reader cannot change it.
static_assert(std::is_same_v<decltype(*std::declval<const Plain::Reader&>()), const Pair&>);
template <typename T>
concept Locks = requires {
  std::declval<T>().lock();
};
static_assert(Locks<Plain&> && !Locks<const Plain&>);

TEST_CASE("a value is read and changed under its lock") {
  Plain pair(Pair{1, 2});
  pair.lock()->first = 3;
  CHECK(pair.read()->first == 3);
  CHECK(pair.copy().second == 2);
  pair.set({5, 6});
  const auto held = pair.lock();
  CHECK((*held).first == 5);
  CHECK(held->second == 6);
}

TEST_CASE("the lock is held for as long as the handle lives") {
  Plain pair;
  // Another thread asks: try_lock() of a mutex that the same thread holds is undefined.
  const auto is_free = [&] {
    bool result = false;
    std::thread([&] { result = pair.try_lock().has_value(); }).join();
    return result;
  };
  CHECK(is_free());
  {
    const auto held = pair.lock();
    CHECK_FALSE(is_free());
  }
  CHECK(is_free());
  const auto taken = pair.try_lock();
  CHECK(taken.has_value());
  CHECK_FALSE(is_free());
}

TEST_CASE("a shared mutex lets readers in beside each other, and no writer") {
  Shared pair;
  const auto held = pair.read();
  bool is_read = false;
  bool is_free = true;
  std::thread([&] {
    is_read = pair.read()->first == 0;
    is_free = pair.try_lock().has_value();
  }).join();
  CHECK(is_read);
  CHECK_FALSE(is_free);
}

TEST_CASE("threads do not see each other's halves") {
  Plain pair;
  const auto count = [&] {
    for (int i = 0; i < 10'000; ++i) {
      const auto held = pair.lock();
      ++held->first;
      held->second = held->first;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(count);
  for (int i = 0; i < 1'000; ++i) {
    const Pair seen = pair.copy();
    CHECK(seen.first == seen.second);
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(pair.read()->first == 40'000);
}

}  // namespace
