#include "updater/host/endpoint_watch.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/signals.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;

/// Between two readings, which take some time themselves.
constexpr auto reading_pause = 1ms;

}  // namespace

/// Shared by both threads. What a reading finds is posted with the number of the forget() that it
/// began under; a later forget() makes it void.
class EndpointWatch::Reader : public std::enable_shared_from_this<Reader> {
 public:
  Reader(asio::io_context& context, Read read, Done done)
      : context_(context), read_(std::move(read)), done_(std::move(done)) {}

  void start() {
    const base::BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  void follow(std::vector<WatchRequest> requests) {
    {
      const std::lock_guard lock(mutex_);
      if (requests.empty() && requests_.empty()) return;
      requests_ = std::move(requests);
    }
    changed_.notify_one();
  }

  void forget() {
    const std::lock_guard lock(mutex_);
    ++number_;
  }

 private:
  void run() {
    std::map<wg::PublicKey, base::Endpoint> told;
    std::uint64_t number = 0;  // of the last reading
    std::unique_lock lock(mutex_);
    while (!is_over_) {
      if (requests_.empty()) {
        told.clear();
        changed_.wait(lock, [this] { return is_over_ || !requests_.empty(); });
        continue;
      }
      const std::vector<WatchRequest> requests = requests_;
      if (std::exchange(number, number_) != number_) told.clear();
      lock.unlock();
      if (const auto device = read_()) {
        for (const WatchRequest& request : requests) look(*device, request, number, told);
      }
      lock.lock();
      changed_.wait_for(lock, reading_pause, [this] { return is_over_; });
    }
  }

  void look(const wg::Device& device, const WatchRequest& request, std::uint64_t number,
            std::map<wg::PublicKey, base::Endpoint>& told) {
    const wg::DevicePeer* peer = device.find(request.peer);
    if (peer == nullptr || !peer->endpoint) return;
    const base::Endpoint& endpoint = *peer->endpoint;
    const auto& expected = request.expected;
    if (std::find(expected.begin(), expected.end(), endpoint) != expected.end()) {
      told.erase(request.peer);
      return;
    }
    const auto [known, is_new] = told.try_emplace(request.peer, endpoint);
    if (!is_new && known->second == endpoint) return;
    known->second = endpoint;
    asio::post(context_, [self = shared_from_this(), key = request.peer, endpoint, number] {
      {
        const std::lock_guard lock(self->mutex_);
        if (self->is_over_ || self->number_ != number) return;
      }
      self->done_(key, endpoint);
    });
  }

  asio::io_context& context_;
  const Read read_;
  const Done done_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<WatchRequest> requests_;
  std::uint64_t number_ = 0;  ///< of the last forget()
  bool is_over_ = false;
};

EndpointWatch::EndpointWatch(asio::io_context& context, Read read, Done done)
    : reader_(std::make_shared<Reader>(context, std::move(read), std::move(done))) {
  reader_->start();
}

EndpointWatch::~EndpointWatch() {
  reader_->stop();
}

void EndpointWatch::follow(std::vector<WatchRequest> requests) {
  reader_->follow(std::move(requests));
}

void EndpointWatch::forget() {
  reader_->forget();
}

}  // namespace updater
