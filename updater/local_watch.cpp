#include "updater/local_watch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace updater {
namespace {

using namespace std::chrono_literals;

constexpr auto settle_time = 100ms;
constexpr std::size_t max_ways = 64;

std::optional<base::Route> find_way(const base::IpAddress& to, std::uint32_t mark) {
  const auto route = base::read_route(to, mark);
  return route ? std::optional(*route) : std::nullopt;
}

std::optional<base::IpAddress> source_of(const std::optional<base::Route>& way) {
  return way ? way->source : std::nullopt;
}

}  // namespace

LocalWatch::LocalWatch(asio::io_context& context, std::string interface,
                       std::function<void(const Resourced&)> changed)
    : interface_(std::move(interface)),
      changed_(std::move(changed)),
      readable_(context),
      timer_(context) {
  auto watch = base::InterfaceWatch::open();
  std::error_code ec = watch ? std::error_code() : watch.error();
  if (watch) {
    watch_ = std::move(*watch);
    readable_.assign(watch_->fd(), ec);
  }
  if (ec) {
    spdlog::warn("changes of addresses and routes are not seen: {}", ec.message());
    return;
  }
  addresses_ = read_addresses();
  wait();
}

LocalWatch::~LocalWatch() {
  if (readable_.is_open()) readable_.release();
}

void LocalWatch::follow(const wg::Device& device) {
  if (!watch_) return;
  if (std::exchange(mark_, device.firewall_mark) != device.firewall_mark) ways_.clear();
  Ways ways;
  for (const wg::DevicePeer& peer : device.peers) {
    if (!peer.endpoint || ways.size() >= max_ways) continue;
    const base::IpAddress& to = peer.endpoint->address;
    const auto known = ways_.find(to);
    ways.emplace(to, known != ways_.end() ? known->second : find_way(to, mark_));
  }
  ways_ = std::move(ways);
}

void LocalWatch::wait() {
  readable_.async_wait(asio::posix::descriptor_base::wait_read, [this](const std::error_code& ec) {
    if (ec) return;
    if (watch_->drain()) settle();
    wait();
  });
}

void LocalWatch::settle() {
  if (std::exchange(settling_, true)) return;
  timer_.expires_after(settle_time);
  timer_.async_wait([this](const std::error_code& ec) {
    if (ec) return;
    settling_ = false;
    compare();
  });
}

void LocalWatch::compare() {
  bool is_other = false;
  Resourced resourced;
  if (auto addresses = read_addresses(); addresses && addresses != addresses_) {
    addresses_ = std::move(addresses);
    is_other = true;
  }
  for (auto& [to, way] : ways_) {
    const auto now = find_way(to, mark_);
    is_other = is_other || now != way;
    if (source_of(now) != source_of(way)) resourced.insert(to);
    way = now;
  }
  if (is_other) changed_(resourced);
}

/// Those that peers may be told, of interfaces that are up, in an order of their own.
std::optional<std::vector<base::InterfaceAddress>> LocalWatch::read_addresses() const {
  auto addresses = base::read_interface_addresses();
  if (!addresses) return std::nullopt;
  std::erase_if(*addresses, [this](const base::InterfaceAddress& own) {
    return !own.is_up || own.interface == interface_ ||
           own.address.scope() == base::AddressScope::never;
  });
  std::sort(addresses->begin(), addresses->end(), [](const auto& a, const auto& b) {
    return std::pair(a.interface_index, a.address) < std::pair(b.interface_index, b.address);
  });
  return *std::move(addresses);
}

}  // namespace updater
