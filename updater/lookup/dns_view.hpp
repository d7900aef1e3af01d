#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "base/clock.hpp"
#include "updater/lookup/lookup.hpp"

namespace updater {

/// What DNS says about one key, and when to ask again: often while something is wrong, rarely
/// while all is well, never within the TTL of the last answer, always jittered. Pure.
class DnsView {
 public:
  /// How urgent answers are. Urgent: so many each second, then so many every two, then every 9 s.
  /// Calm: about each minute, so that a later change is seen as one.
  enum class Pace : std::uint8_t { urgent, calm };

  explicit DnsView(base::SteadyTime now) : text_due_(now), until_(now), next_(now) {}

  /// An endpoint that appeared in an answer that was not the first.
  struct Change {
    base::Endpoint endpoint;
    base::SteadyTime at;
    base::SteadyTime after;  ///< of the last answer that did not have it
  };
  /// Takes what a look-up brought. A failed one changes no endpoint.
  /// \return whether it has an endpoint that the answer before it had not.
  bool learn(const base::Now& now, const LookupResult& result, Pace pace, std::minstd_rand& random);

  /// Takes what the private view says, beside the look-ups.
  void learn_private(const PublishedText& text) { private_mapping_ = text.mapping; }

  /// The last answer; empty: there was none.
  [[nodiscard]] const std::vector<base::Endpoint>& endpoints() const { return endpoints_; }
  /// Why the last look-up brought none; none: it did, or there was none yet.
  [[nodiscard]] std::optional<LookupError> error() const { return error_; }
  /// Looked up at least once, with whatever result.
  [[nodiscard]] bool is_asked() const { return asked_; }
  /// How its NAT maps, as the last text of one view said; none: neither did.
  [[nodiscard]] std::optional<schema::NatMapping> mapping() const {
    return mapping_ ? mapping_ : private_mapping_;
  }
  [[nodiscard]] const std::optional<Change>& last_change() const { return change_; }
  void forget_change() { change_.reset(); }

  /// Whether to ask now; if so, the answer is awaited from now on.
  [[nodiscard]] bool ask_if_due(base::SteadyTime now);
  /// Whether to ask for the text, too: it changes rarely.
  [[nodiscard]] bool wants_text(base::SteadyTime now) const { return now >= text_due_; }
  /// When to ask; none: an answer is awaited.
  [[nodiscard]] std::optional<base::SteadyTime> next() const;
  /// Something happened: ask at once, and often again.
  void hurry(base::SteadyTime now);
  /// All is well: ask rarely.
  void calm_down(base::SteadyTime now, std::minstd_rand& random);

 private:
  std::vector<base::Endpoint> endpoints_;
  std::optional<LookupError> error_;
  std::optional<Change> change_;
  std::optional<schema::NatMapping> mapping_;
  std::optional<schema::NatMapping> private_mapping_;
  base::SteadyTime text_due_;
  base::SteadyTime answered_;  ///< the last answer
  bool asked_ = false;
  bool pending_ = false;
  unsigned lookups_ = 0;    ///< since it became urgent
  base::SteadyTime until_;  ///< the end of the answer's TTL
  base::SteadyTime next_;
};

}  // namespace updater
