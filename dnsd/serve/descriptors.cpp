#include "dnsd/serve/descriptors.hpp"

#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <vector>

namespace dnsd {
namespace {

/// For connections and sockets, with room to spare.
constexpr rlim_t wanted_descriptors = 65536;

}  // namespace

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted_descriptors;
  if (limit.rlim_cur < wanted_descriptors) {
    const rlimit raised{std::min(limit.rlim_max, wanted_descriptors), limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::size_t count_open_descriptors(std::size_t limit) {
  // One system call for all, and no /proc: poll(2) marks what is not open.
  std::vector<pollfd> all(std::min<std::size_t>(limit, wanted_descriptors));
  for (std::size_t i = 0; i < all.size(); ++i) all[i].fd = static_cast<int>(i);
  (void)::poll(all.data(), all.size(), 0);
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [](const pollfd& one) { return (one.revents & POLLNVAL) == 0; }));
}

std::size_t connections_per_thread(std::size_t limit, std::size_t others, std::size_t threads) {
  const std::size_t taken = others + reserved_descriptors;
  return limit <= taken ? 1 : std::max<std::size_t>(1, (limit - taken) / threads);
}

}  // namespace dnsd
