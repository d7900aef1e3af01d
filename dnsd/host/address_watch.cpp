#include "dnsd/host/address_watch.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace dnsd {
namespace {

/// How long after its first change a burst is taken to be over.
constexpr std::chrono::milliseconds address_settling{100};

}  // namespace

void AddressWatch::start() {
  auto opened = base::InterfaceWatch::open();
  if (!opened) {
    spdlog::error("changes of this host's addresses are not seen: {}", opened.error().message());
    return;
  }
  watch_.emplace(*std::move(opened));
  descriptor_.assign(::fcntl(watch_->fd(), F_DUPFD_CLOEXEC, 0));
  wait();
}

void AddressWatch::wait() {
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this](const std::error_code& ec) {
                           if (ec) return;
                           watch_->drain() ? settle() : wait();
                         });
}

void AddressWatch::settle() {
  settling_.expires_after(address_settling);
  settling_.async_wait([this](const std::error_code& ec) {
    if (ec) return;
    (void)watch_->drain();  // changed_() reads the addresses after the whole burst
    changed_();
    wait();
  });
}

}  // namespace dnsd
