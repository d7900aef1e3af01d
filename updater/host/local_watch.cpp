#include "updater/host/local_watch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace updater {
namespace {

using namespace std::chrono_literals;

constexpr auto settle_time = 100ms;

std::optional<base::Route> find_way(const base::IpAddress& to, std::uint32_t mark) {
  const auto route = base::read_route(to, mark);
  return route ? std::optional(*route) : std::nullopt;
}

std::optional<base::IpAddress> source_of(const std::optional<base::Route>& way) {
  return way ? way->source : std::nullopt;
}

}  // namespace

LocalWatch::LocalWatch(asio::io_context& context, std::string interface, Changed changed)
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
  read_addresses(connection_);
  wait();
}

LocalWatch::~LocalWatch() {
  if (readable_.is_open()) readable_.release();
}

void LocalWatch::follow(const wg::Device& device) {
  if (!watch_) return;
  if (std::exchange(mark_, device.firewall_mark) != device.firewall_mark) connection_.ways.clear();
  decltype(connection_.ways) ways;
  for (const wg::DevicePeer& peer : device.peers) {
    if (!peer.endpoint) continue;
    const base::IpAddress& to = peer.endpoint->address;
    const auto known = connection_.ways.find(to);
    ways.emplace(to, known != connection_.ways.end() ? known->second : find_way(to, mark_));
  }
  connection_.ways = std::move(ways);
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
  Connection now = connection_;
  read_addresses(now);
  for (auto& [to, way] : now.ways) way = find_way(to, mark_);
  if (now == connection_) return;
  const auto source_changed = find_source_changed(connection_, now);
  connection_ = std::move(now);
  changed_(source_changed);
}

/// Where the addresses cannot be read, the known ones stay.
void LocalWatch::read_addresses(Connection& connection) const {
  auto addresses = base::read_interface_addresses();
  if (!addresses) return;
  std::erase_if(*addresses, [this](const base::InterfaceAddress& own) {
    return !own.is_up || own.interface == interface_ ||
           own.address.scope() == base::AddressScope::never;
  });
  std::sort(addresses->begin(), addresses->end(), [](const auto& a, const auto& b) {
    return std::pair(a.interface_index, a.address) < std::pair(b.interface_index, b.address);
  });
  connection.addresses = *std::move(addresses);
}

std::set<base::IpAddress> find_source_changed(const Connection& before, const Connection& now) {
  std::set<base::Family> bereft;
  for (const base::InterfaceAddress& old : before.addresses) {
    const auto is_same = [&](const auto& own) { return own.address == old.address; };
    if (std::none_of(now.addresses.begin(), now.addresses.end(), is_same))
      bereft.insert(old.address.family());
  }
  std::set<base::IpAddress> source_changed;
  for (const auto& [to, way] : now.ways) {
    const auto known = before.ways.find(to);
    const bool is_other = known != before.ways.end() && source_of(way) != source_of(known->second);
    if (is_other || bereft.count(to.family()) != 0) source_changed.insert(to);
  }
  return source_changed;
}

}  // namespace updater
