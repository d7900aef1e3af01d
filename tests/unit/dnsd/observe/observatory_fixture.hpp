#pragma once

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "dnsd/observe/observatory.hpp"
#include "dnsd/state/state_store.hpp"

namespace observatory_test {

using dnsd::Config;
using std::chrono::seconds;

inline wg::PublicKey key_of(std::uint8_t first) {
  base::Octets32 octets{};
  octets[0] = first;
  return wg::PublicKey(octets);
}
inline const wg::PublicKey alice = key_of(1);
inline const wg::PublicKey hub = key_of(99);

// Devices of a host, read by the observatory's threads.
class Host {
 public:
  void set(const std::string& name, std::vector<wg::DevicePeer> peers) {
    const std::lock_guard lock(mutex_);
    wg::Device device;
    device.name = name;
    device.public_key = hub;
    device.listen_port = listen_port;
    device.peers = std::move(peers);
    devices_[name] = std::move(device);
  }
  std::atomic<base::Port> listen_port{};
  void remove(const std::string& name) {
    const std::lock_guard lock(mutex_);
    devices_.erase(name);
  }
  base::Expected<wg::Device, wg::DeviceError> read(const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++reads_;
    const auto found = devices_.find(name);
    if (found == devices_.end()) {
      return base::Unexpected(
          wg::DeviceError{wg::DeviceError::Kind::no_such_device, {}, name + ": missing"});
    }
    return found->second;
  }
  int reads() {
    const std::lock_guard lock(mutex_);
    return reads_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, wg::Device> devices_;
  int reads_ = 0;
};

inline wg::DevicePeer peer(const wg::PublicKey& key, const std::string& place, std::uint64_t rx) {
  wg::DevicePeer result;
  result.public_key = key;
  result.endpoint = base::Endpoint::parse(place);
  result.latest_handshake = std::chrono::system_clock::now();
  result.rx_bytes = rx;
  return result;
}

// A daemon without servers; its folder is removed at the end.
class Daemon {
 public:
  Host host;
  dnsd::PeerTable peers;
  dnsd::LiveState live;
  Config config;

  Daemon() {
    std::string name = (std::filesystem::temp_directory_path() / "wg-dnsd-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    config.state_dir = name;
    config.zone = *dns::Name::parse("wg.example.org");
    config.poll_interval = std::chrono::milliseconds(2);
  }
  ~Daemon() {
    observatory_.reset();
    store_.reset();
    std::filesystem::remove_all(config.state_dir);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  dnsd::Observatory& start() {
    return start([this](const std::string& name) { return host.read(name); });
  }
  dnsd::Observatory& start(dnsd::Observatory::ReadDevice read_device) {
    store_ = std::make_unique<dnsd::StateStore>(config.state_dir);
    observatory_ = std::make_unique<dnsd::Observatory>(
        io_, peers, live, *store_, [](const dnsd::InnerPacket&, const dnsd::SendInner&) {},
        std::move(read_device));
    REQUIRE(observatory_->start(config));
    return *observatory_;
  }
  // Ends the daemon as SIGTERM does, or as SIGKILL does.
  void end(bool cleanly) {
    if (cleanly) observatory_->stop();
    observatory_.reset();
    store_.reset();
    io_.restart();
    io_.poll();
  }
  dnsd::Observatory& observatory() { return *observatory_; }

  // Runs the control thread until the condition holds. \return false: it never did.
  bool until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }
  // Runs what waits for the control thread.
  void run_ready() {
    io_.restart();
    io_.poll();
  }
  bool polled(int times) {
    const int start = host.reads();
    return until([&] { return host.reads() >= start + times; });
  }
  std::string place(const wg::PublicKey& key = alice) {
    const auto record = peers.find(key);
    if (!record) return "unregistered";
    return (record->ipv4 ? record->ipv4->to_string() : "-") + (record->stale ? " stale" : "");
  }

 private:
  asio::io_context io_;
  std::unique_ptr<dnsd::StateStore> store_;
  std::unique_ptr<dnsd::Observatory> observatory_;
};

}  // namespace observatory_test
