#pragma once

#include <atomic>
#include <memory>

#include "base/bytes.hpp"
#include "dnsd/view.hpp"
#include "dnsd/zone.hpp"

namespace dnsd {

enum class Transport : std::uint8_t { udp, tcp };

/// Where a query came in.
struct Listener {
  View view{};
  Transport transport{};
};

/// The zone that is served now. Any thread reads, the control thread replaces.
class PublishedZone {
 public:
  explicit PublishedZone(std::shared_ptr<const Zone> zone) : zone_(std::move(zone)) {}
  [[nodiscard]] std::shared_ptr<const Zone> get() const {
    return zone_.load(std::memory_order_acquire);
  }
  void set(std::shared_ptr<const Zone> zone) {
    zone_.store(std::move(zone), std::memory_order_release);
  }

 private:
  std::atomic<std::shared_ptr<const Zone>> zone_;
};

/// The one road of a query: gate on the header, parse once, look up one outcome, encode once. No
/// I/O, no clock.
class Responder {
 public:
  /// \param zone outlives the responder.
  explicit Responder(const PublishedZone& zone) : zone_(zone) {}

  /// \param query one whole message, without TCP's length prefix. \param out room for the reply: at
  /// least 1232 octets for UDP and 65535 for TCP. \return octets written; 0: say nothing. Any
  /// thread.
  [[nodiscard]] std::size_t respond(base::Bytes query, const Listener& listener,
                                    base::MutableBytes out) const;

 private:
  const PublishedZone& zone_;
};

}  // namespace dnsd
