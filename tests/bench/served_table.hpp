#pragma once

#include <memory>

#include "dnsd/answer/responder.hpp"
#include "tests/bench/scene.hpp"

namespace bench {

/// The answer path of wg-dnsd over a table with a given number of the scene's peers, each with its
/// IPv4 endpoint. The table has one writer at a time; any thread may use the responder.
class ServedTable {
 public:
  explicit ServedTable(std::uint64_t peers);

  [[nodiscard]] const dnsd::Responder& responder() const { return responder_; }
  [[nodiscard]] const dnsd::CookieJar& cookies() const { return *policy_.get()->cookies; }

  void set(std::uint64_t peer, const dnsd::PeerEndpoints& endpoints);
  void erase(std::uint64_t peer);

 private:
  std::shared_ptr<const dnsd::Zone> make_zone(std::uint64_t peers);

  std::shared_ptr<const dnsd::PeerDetail> detail_ = std::make_shared<const dnsd::PeerDetail>();
  dnsd::PeerTable table_;
  dnsd::LiveState live_;
  dnsd::PublishedPolicy policy_;
  dnsd::PublishedZone zone_;
  dnsd::Responder responder_;
};

}  // namespace bench
