#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "base/clock.hpp"
#include "updater/lookup/lookup.hpp"

namespace updater {

/// What DNS says about one key, and when to ask again: often while something is wrong, rarely while
/// all is well, not before the TTL of the last answer ends, always with jitter. Pure.
class DnsView {
 public:
  /// How often to ask. Urgent: after 1.1 s five times, after 2.2 s six times, then every 9 s.
  /// Calm: one about every minute, so that a later change is noticed as a change.
  enum class Pace : std::uint8_t { urgent, calm };

  /// The first look-up is due at once.
  explicit DnsView(base::SteadyTime now) : text_due_(now), until_(now), next_(now) {}

  /// A new endpoint in an answer other than the first.
  struct Change {
    base::Endpoint endpoint;
    base::SteadyTime at;     ///< the answer with it
    base::SteadyTime after;  ///< the last answer without it
  };
  /// Takes the result of a look-up. A failed one leaves the endpoints as they are.
  /// \return whether the answer has an endpoint that the one before it did not have.
  bool learn(const base::Now& now, const LookupResult& result, Pace pace, std::minstd_rand& random);

  /// Takes the key's text in the private view, which is asked apart from the look-ups.
  void learn_private(const PublishedText& text) {
    private_mapping_ = text.mapping;
    is_private_hub_ = text.is_hub;
    private_relays_ = text.relays;
  }

  /// The endpoints of the last answer; empty: there was none.
  [[nodiscard]] const std::vector<base::Endpoint>& endpoints() const { return endpoints_; }
  /// Why the last look-up gave no endpoint; none: it gave one, or there was no look-up yet.
  [[nodiscard]] std::optional<LookupError> error() const { return error_; }
  /// Whether a look-up has ended, with any result.
  [[nodiscard]] bool is_asked() const { return asked_; }
  /// How the key's NAT maps: from the public view, else from the private one; none: in neither.
  [[nodiscard]] std::optional<schema::NatMapping> mapping() const {
    return mapping_ ? mapping_ : private_mapping_;
  }
  /// The hosts that pass packets on to the key, the preferred one first: from the public view, else
  /// from the private one.
  [[nodiscard]] const std::vector<wg::PublicKey>& relays() const {
    return relays_.empty() ? private_relays_ : relays_;
  }
  /// Whether DNS calls the key one of the public host's own (role=hub). The public view never does:
  /// there it is a private view that leaked, or a lie, and counts only until the next look-up.
  [[nodiscard]] bool is_hub() const { return is_public_hub_ || is_private_hub_; }
  /// The last change since forget_change(); none: there was none.
  [[nodiscard]] const std::optional<Change>& last_change() const { return change_; }
  void forget_change() { change_.reset(); }

  /// Whether to ask now. If so, learn() is awaited, and it is false until then.
  [[nodiscard]] bool ask_if_due(base::SteadyTime now);
  /// Whether to ask for the text, too. It changes rarely.
  [[nodiscard]] bool wants_text(base::SteadyTime now) const {
    return is_public_hub_ || now >= text_due_;
  }
  /// When to ask; none: learn() is awaited.
  [[nodiscard]] std::optional<base::SteadyTime> next() const;
  /// Ask as soon as the TTL allows, and often from then on.
  void hurry(base::SteadyTime now);
  /// All is well: the next look-up is about a minute from now.
  void calm_down(base::SteadyTime now, std::minstd_rand& random);

 private:
  std::vector<base::Endpoint> endpoints_;
  std::optional<LookupError> error_;
  std::optional<Change> change_;
  std::optional<schema::NatMapping> mapping_;          ///< in the view that look-ups read
  std::optional<schema::NatMapping> private_mapping_;  ///< in the private view
  std::vector<wg::PublicKey> relays_;                  ///< in the view that look-ups read
  std::vector<wg::PublicKey> private_relays_;          ///< in the private view
  bool is_public_hub_ = false;                         ///< in the last answer
  bool is_private_hub_ = false;                        ///< in the private view
  base::SteadyTime text_due_;                          ///< when to ask for the text again
  base::SteadyTime answered_;                          ///< the last answer
  bool asked_ = false;                                 ///< a look-up has ended
  bool pending_ = false;                               ///< learn() is awaited
  unsigned lookups_ = 0;                               ///< since the last hurry()
  base::SteadyTime until_;                             ///< end of the answer's TTL
  base::SteadyTime next_;                              ///< when to ask
};

}  // namespace updater
