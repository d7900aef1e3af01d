#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "updater/lookup/hub_lookup.hpp"
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
  struct Done {
    std::function<void(const LookupResult&)> peer;
    std::function<void(const HubResult&)> hub;
    std::function<void(const std::vector<base::IpAddress>&)> name_servers;
  };
  /// Constant while the worker lives.
  struct Sources {
    dns::Name zone;
    std::optional<base::Endpoint> server;  ///< the one to ask; none: those of resolv.conf
    std::string wg_quick_file;             ///< empty: none
  };

  /// \param context outlives the worker; calls `done`.
  LookupWorker(asio::io_context& context, Sources sources, Done done);
  ~LookupWorker();
  LookupWorker(const LookupWorker&) = delete;
  LookupWorker& operator=(const LookupWorker&) = delete;

  /// Looks the peer up as soon as a thread is free. `done` is called once.
  void start(const LookupRequest& request);
  /// The same for the places where a hub may be.
  void start(const HubRequest& request);
  /// The same for the addresses of the zone's name servers.
  void start_name_servers();

 private:
  struct Shared;
  using Job = std::function<std::function<void()>(const Shared& shared)>;
  void start(Job job);

  std::shared_ptr<Shared> shared_;
};

}  // namespace updater
