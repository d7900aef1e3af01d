#pragma once

#include <optional>
#include <string>

#include "dns/message.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/observe/sightings.hpp"

/// `wg-dnsd query`: what is answered to a question, and why.
namespace dnsd {

/// The answer to one question as a listener of that view gives it, and the reasons for it.
class Explanation {
 public:
  /// Asks the responder as a client over TCP would, with EDNS. \param reader asked for the peer
  /// that the name belongs to, when there is one. The references are used in the constructor only.
  Explanation(const dns::Name& name, dns::RrType type, View view, const Responder& responder,
              const Zone& zone, const PeerTable& peers, const SightingReader& reader,
              base::Now now);

  /// For people, in the manner of dig.
  [[nodiscard]] std::string text() const;
  /// A form (control/form.hpp).
  [[nodiscard]] std::string json() const;
  /// The exit code of `query`: 0: there are records of that type; 1: there are none.
  [[nodiscard]] int exit_code() const { return outcome_ == Outcome::hit ? 0 : 1; }

 private:
  struct Peer {
    wg::PublicKey key;
    std::optional<PeerRecord> record;  ///< none: not registered
    PeerSightings sightings;
  };
  [[nodiscard]] std::string peer_text() const;
  [[nodiscard]] bool is_published(const base::Endpoint& endpoint) const;
  /// As the configuration says it; empty: it does not.
  [[nodiscard]] std::string fixed_endpoint() const;
  [[nodiscard]] std::string_view describe_hint(const EndpointHint& hint) const;

  dns::Name name_;
  dns::RrType type_;
  View view_;
  base::Now now_;
  dns::Message message_;
  Outcome outcome_;
  std::string reason_;
  bool publish_private_ = false;
  std::optional<Peer> peer_;
};

/// The question that NAME means: a domain name, or a public key, which stands for the peer's
/// service name. \return nullopt: neither.
[[nodiscard]] std::optional<dns::Name> parse_question_name(const std::string& text,
                                                           dns::NameView apex);

}  // namespace dnsd
