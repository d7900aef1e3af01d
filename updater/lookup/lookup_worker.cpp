#include "updater/lookup/lookup_worker.hpp"

#include <asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/read_file.hpp"
#include "base/signals.hpp"
#include "dns/resolver.hpp"

namespace updater {
namespace {

/// A resolver that is slow for one name must not hold up the others. More threads would not help.
constexpr unsigned thread_count = 4;

base::Expected<dns::Reply, LookupError> ask_resolver(dns::Resolver& resolver, const dns::Name& name,
                                                     dns::RrType type) {
  auto reply = resolver.ask(name, type);
  if (!reply) return base::Unexpected(to_lookup_error(reply.error()));
  return *std::move(reply);
}

/// Both outlive the result.
HubSources make_hub_sources(const LookupWorker::Sources& known, dns::Resolver& resolver) {
  return {
      known.zone,
      [&](const dns::Name& name, dns::RrType type) { return ask_resolver(resolver, name, type); },
      resolve_host,
      known.wg_quick_file,
      [&] { return base::read_file(known.wg_quick_file); },
      known.server ? std::optional(known.server->address) : std::nullopt};
}

}  // namespace

/// What the threads and the worker share. The last of them frees it.
struct LookupWorker::Shared {
  // Constant after construction.
  Sources sources;
  Done done;

  std::mutex mutex;
  std::condition_variable changed;
  // Protected by mutex.
  std::deque<Job> waiting;
  asio::io_context* context;  ///< nullptr: the worker is gone

  /// Blocks. \return nullopt: the worker is gone.
  std::optional<Job> take() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return context == nullptr || !waiting.empty(); });
    if (context == nullptr) return std::nullopt;
    Job job = std::move(waiting.front());
    waiting.pop_front();
    return job;
  }

  static void run(const std::shared_ptr<Shared>& self) {
    while (const auto job = self->take()) {
      auto deliver = (*job)(*self);
      const std::lock_guard lock(self->mutex);
      if (self->context == nullptr) return;
      asio::post(*self->context, [self, deliver = std::move(deliver)] {
        {
          const std::lock_guard delivery(self->mutex);
          if (self->context == nullptr) return;
        }
        deliver();
      });
    }
  }
};

LookupWorker::LookupWorker(asio::io_context& context, Sources sources, Done done)
    : shared_(std::make_shared<Shared>()) {
  shared_->sources = std::move(sources);
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
  start([request](const Shared& shared) -> std::function<void()> {
    dns::Resolver resolver(shared.sources.server);
    const Ask ask = [&](const dns::Name& name, dns::RrType type) {
      return ask_resolver(resolver, name, type);
    };
    auto result = look_up_peer(ask, request.peer, shared.sources.zone, request.with_text);
    return [&shared, result = std::move(result)] { shared.done.peer(result); };
  });
}

void LookupWorker::start(const HubRequest& request) {
  start([request](const Shared& shared) -> std::function<void()> {
    dns::Resolver resolver(shared.sources.server);
    auto result = look_up_hub(make_hub_sources(shared.sources, resolver), request);
    return [&shared, result = std::move(result)] { shared.done.hub(result); };
  });
}

void LookupWorker::start_name_servers() {
  start([](const Shared& shared) -> std::function<void()> {
    dns::Resolver resolver(shared.sources.server);
    auto result = look_up_name_servers(make_hub_sources(shared.sources, resolver));
    return [&shared, result = std::move(result)] { shared.done.name_servers(result); };
  });
}

void LookupWorker::start(Job job) {
  const std::lock_guard lock(shared_->mutex);
  shared_->waiting.push_back(std::move(job));
  shared_->changed.notify_one();
}

}  // namespace updater
