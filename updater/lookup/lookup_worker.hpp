#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "updater/lookup/lookup.hpp"
#include "updater/plan/plan.hpp"

namespace updater {

/// Looks peers up on threads of its own, because glibc's resolver blocks. Used from the thread of
/// its io_context; results come back there, in any order.
///
/// Nothing can interrupt a thread that waits for a resolver. So destroying the worker does not wait
/// for its threads: their results are dropped, and they end by themselves or with the process.
class LookupWorker {
 public:
  using Done = std::function<void(const LookupResult&)>;

  /// \param context outlives the worker; calls `done`. \param server the one to ask; none: those
  /// of resolv.conf.
  LookupWorker(asio::io_context& context, const dns::Name& zone,
               const std::optional<base::Endpoint>& server, Done done);
  ~LookupWorker();
  LookupWorker(const LookupWorker&) = delete;
  LookupWorker& operator=(const LookupWorker&) = delete;

  /// Looks the peer up as soon as a thread is free. `done` is called once.
  void start(const LookupRequest& request);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace updater
