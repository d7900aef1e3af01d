#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dnsd/answer/responder.hpp"

/// The server that unit tests, replayed answers and the fuzz target ask: zone wg.example.org. with
/// the static part of tests/answers/static.zone and one peer for each kind of state.
class AnswerFixture {
 public:
  AnswerFixture();

  /// Builds the zone again with the changed `options`.
  void rebuild();
  /// The reply to one message; empty: there is none.
  [[nodiscard]] std::vector<std::uint8_t> ask(base::Bytes query,
                                              const dnsd::Listener& listener) const {
    return ask(query, listener, {*base::IpAddress::parse("203.0.113.99"), now});
  }
  [[nodiscard]] std::vector<std::uint8_t> ask(base::Bytes query, const dnsd::Listener& listener,
                                              const dnsd::Asker& asker) const;
  /// The zone, for code that answers without respond().
  [[nodiscard]] const dnsd::PublishedZone& zones() const { return *published_; }
  [[nodiscard]] static wg::PublicKey key(std::uint8_t fill);

  /// The responder that ask() uses. Valid until the next rebuild().
  [[nodiscard]] dnsd::Responder responder() const { return dnsd::Responder(*published_, *policy_); }
  [[nodiscard]] std::shared_ptr<const dnsd::Zone> zone() const { return published_->get(); }

  /// The time of all questions; no clock runs here.
  static constexpr base::Now now{base::SteadyTime{std::chrono::seconds(1000)},
                                 base::WallTime{std::chrono::seconds(1700001000)}};

  dnsd::Config policy;  ///< input of make_policy(); rate-limit is 0
  dnsd::ZoneOptions options;
  dnsd::PeerTable peers;
  /// Filled and ready, unless set_not_ready() came first.
  std::unique_ptr<dnsd::LiveState> live;
  void set_not_ready();

  struct Named {
    std::string name;
    wg::PublicKey key;
  };
  std::vector<Named> named;  ///< every peer, and `nobody`, which is not registered

 private:
  void fill_live_state();
  void add(const std::string& name, std::uint8_t fill, dnsd::PeerRecord record,
           dnsd::PeerDetail detail);

  std::vector<dns::ZoneRecord> statics_;
  dnsd::Zone::Names names_;
  std::unique_ptr<dnsd::PublishedZone> published_;
  std::unique_ptr<dnsd::PublishedPolicy> policy_;
};
