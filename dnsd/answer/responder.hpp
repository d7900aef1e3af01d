#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/bytes.hpp"
#include "base/published.hpp"
#include "dns/request.hpp"
#include "dns/response.hpp"
#include "dnsd/answer/asker.hpp"
#include "dnsd/answer/policy.hpp"
#include "dnsd/zone/zone.hpp"

namespace dnsd {

using PublishedZone = base::Published<Zone>;
using PublishedPolicy = base::Published<Policy>;

/// The path of every query: check the header, parse once, look up one outcome, encode once. No I/O,
/// no clock.
class Responder {
 public:
  /// \param zone, policy outlive the responder.
  Responder(const PublishedZone& zone, const PublishedPolicy& policy)
      : zone_(zone), policy_(policy) {}

  /// A snapshot of zone and policy. Take one per batch: taking it changes reference counts that all
  /// threads share.
  class Snapshot {
   public:
    /// As Responder::respond.
    [[nodiscard]] std::size_t respond(base::Bytes query, const Listener& listener,
                                      const Asker& asker, base::MutableBytes out) const {
      return respond(read(query), listener, asker, out);
    }

    /// respond() in four steps for batches (UDP): read() all, prefetch_bucket() all,
    /// prefetch_entry() all, respond() to each. Cache misses then overlap. TCP and the tunnel have
    /// one query at a time, and call respond() alone.
    struct Reading {
      std::optional<dns::Request> request;  ///< none: no reply is sent
      Zone::Question question{};
    };
    /// \param query outlives the reading.
    [[nodiscard]] Reading read(base::Bytes query) const;
    void prefetch_bucket(const Reading& reading) const {
      if (reading.question.peer) zone_->peers().prefetch_bucket(reading.question.hash);
    }
    void prefetch_entry(const Reading& reading) const {
      if (reading.question.peer) zone_->peers().prefetch_entry(reading.question.hash);
    }
    [[nodiscard]] std::size_t respond(const Reading& reading, const Listener& listener,
                                      const Asker& asker, base::MutableBytes out) const;

   private:
    friend class Responder;
    Snapshot(std::shared_ptr<const Zone> zone, std::shared_ptr<const Policy> policy)
        : zone_(std::move(zone)), policy_(std::move(policy)) {}
    std::shared_ptr<const Zone> zone_;
    std::shared_ptr<const Policy> policy_;
  };
  [[nodiscard]] Snapshot now() const { return {zone_.get(), policy_.get()}; }

  /// \param query one whole message, without TCP's length prefix. \param out room for the reply: at
  /// least listener.max_udp_octets for UDP and 65535 for TCP. \return octets written; 0: send
  /// nothing. Any thread.
  [[nodiscard]] std::size_t respond(base::Bytes query, const Listener& listener, const Asker& asker,
                                    base::MutableBytes out) const {
    return now().respond(query, listener, asker, out);
  }

 private:
  const PublishedZone& zone_;
  const PublishedPolicy& policy_;
};

}  // namespace dnsd
