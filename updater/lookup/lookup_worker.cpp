#include "updater/lookup/lookup_worker.hpp"

#include <asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/signals.hpp"
#include "dns/resolver.hpp"

namespace updater {
namespace {

/// A resolver that is slow for one name must not hold up the others. More threads would not help.
constexpr unsigned thread_count = 4;

}  // namespace

/// What the threads and the worker share. The last of them frees it.
struct LookupWorker::Shared {
  // Constant after construction.
  dns::Name zone;
  std::optional<base::Endpoint> server;
  Done done;

  std::mutex mutex;
  std::condition_variable changed;
  // Protected by mutex.
  std::deque<LookupRequest> waiting;
  asio::io_context* context;  ///< nullptr: the worker is gone

  /// Blocks. \return nullopt: the worker is gone.
  std::optional<LookupRequest> take() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return context == nullptr || !waiting.empty(); });
    if (context == nullptr) return std::nullopt;
    const LookupRequest request = waiting.front();
    waiting.pop_front();
    return request;
  }

  static void run(const std::shared_ptr<Shared>& self) {
    while (const auto request = self->take()) {
      dns::Resolver resolver(self->server);
      const Ask ask = [&](const dns::Name& name,
                          dns::RrType type) -> base::Expected<dns::Reply, LookupError> {
        auto reply = resolver.ask(name, type);
        if (!reply) return base::Unexpected(to_lookup_error(reply.error()));
        return *std::move(reply);
      };
      auto result = look_up_peer(ask, request->peer, self->zone, request->with_text);
      const std::lock_guard lock(self->mutex);
      if (self->context == nullptr) return;
      asio::post(*self->context, [self, result = std::move(result)] {
        {
          const std::lock_guard delivery(self->mutex);
          if (self->context == nullptr) return;
        }
        self->done(result);
      });
    }
  }
};

LookupWorker::LookupWorker(asio::io_context& context, const dns::Name& zone,
                           const std::optional<base::Endpoint>& server, Done done)
    : shared_(std::make_shared<Shared>()) {
  shared_->zone = zone;
  shared_->server = server;
  shared_->done = std::move(done);
  shared_->context = &context;
  const base::BlockedSignals blocked;
  for (unsigned i = 0; i < thread_count; ++i)
    std::thread([shared = shared_] { Shared::run(shared); }).detach();
}

LookupWorker::~LookupWorker() {
  const std::lock_guard lock(shared_->mutex);
  shared_->context = nullptr;
  shared_->changed.notify_all();
}

void LookupWorker::start(const LookupRequest& request) {
  const std::lock_guard lock(shared_->mutex);
  shared_->waiting.push_back(request);
  shared_->changed.notify_one();
}

}  // namespace updater
