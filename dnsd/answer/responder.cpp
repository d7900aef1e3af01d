#include "dnsd/answer/responder.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace dnsd {
namespace {

using dns::ExtendedError;
using dns::Rcode;
using dns::RrType;

/// Idle time that TCP clients are promised (RFC 7828 §3.3.2), in units of 100 ms; that of
/// TcpLimits.
constexpr std::uint16_t tcp_keepalive = 100;

/// The reply apart from its records, and what the rate limiter counts it as.
struct Verdict {
  dns::ResponseHead head;
  RateLimiter::Kind kind = RateLimiter::Kind::error;
};

/// Octets of a reply that the asker takes (RFC 6891 §6.2.3, RFC 9715).
std::size_t reply_limit(const dns::Request& request, const Listener& listener) {
  if (listener.transport == dns::Transport::tcp) return dns::max_message_octets;
  if (!request.edns) return dns::plain_udp_octets;
  return std::clamp<std::size_t>(request.edns->udp_size, dns::plain_udp_octets,
                                 listener.max_udp_octets);
}

Verdict error_verdict(Rcode rcode, std::optional<ExtendedError> extended_error = std::nullopt) {
  Verdict verdict;
  verdict.head.rcode = rcode;
  verdict.head.extended_error = extended_error;
  return verdict;
}

Verdict verdict_of(const Finding& found) {
  Verdict verdict;
  if (found.is_stale) verdict.head.extended_error = ExtendedError::stale_answer;
  verdict.head.authoritative = true;
  verdict.kind = found.is_for_any_name ? RateLimiter::Kind::any_name : RateLimiter::Kind::name;
  switch (found.outcome) {
    case Outcome::hit:
    case Outcome::nodata:
    case Outcome::cname:
      break;
    case Outcome::nxdomain:
      verdict.head.rcode = Rcode::nxdomain;
      verdict.kind = RateLimiter::Kind::nxdomain;
      break;
    case Outcome::referral:
      verdict.head.authoritative = false;
      verdict.head.glue_required = true;
      break;
    case Outcome::failed:
      return error_verdict(Rcode::servfail, ExtendedError::not_ready);
    case Outcome::refused:
      return error_verdict(Rcode::refused, ExtendedError::not_authoritative);
  }
  return verdict;
}

/// RFC 4892: the identity and the version of this server. Everything else of that class is refused.
Verdict answer_chaos(const dns::Request& request, const Policy& policy, dns::RecordSink& sink) {
  static const dns::Name version_bind = *dns::Name::parse("version.bind.");
  static const dns::Name version_server = *dns::Name::parse("version.server.");
  static const dns::Name id_server = *dns::Name::parse("id.server.");
  static const dns::Name hostname_bind = *dns::Name::parse("hostname.bind.");
  std::string_view text;
  if (request.name.equals(version_bind) || request.name.equals(version_server))
    text = policy.version;
  if (request.name.equals(id_server) || request.name.equals(hostname_bind)) text = policy.server_id;
  if (text.empty()) return error_verdict(Rcode::refused);
  Verdict verdict = verdict_of({Outcome::hit});
  if (request.type != RrType::txt && request.type != RrType::any) return verdict;
  std::array<std::uint8_t, 256> rdata;
  base::ByteWriter writer(rdata);
  const std::string_view shown = text.substr(0, 255);
  writer.u8(static_cast<std::uint8_t>(shown.size()));
  writer.bytes(base::as_bytes(shown));
  sink.add(dns::Section::answer, request.name, RrType::txt, dns::Ttl{0}, writer.written());
  return verdict;
}

Verdict answer(const dns::Request& request, const Zone::Question& question, const Zone& zone,
               const Policy& policy, View view, dns::RecordSink& sink) {
  if (request.rcode != Rcode::noerror) return error_verdict(request.rcode);
  if (request.question.empty())
    return error_verdict(Rcode::noerror);  // RFC 7873 §5.4: only the cookie
  if (request.rr_class == dns::RrClass::chaos) return answer_chaos(request, policy, sink);
  if (request.rr_class != dns::RrClass::in) return error_verdict(Rcode::refused);
  if (request.type == RrType::axfr || request.type == RrType::ixfr) {
    return error_verdict(Rcode::refused, ExtendedError::prohibited);
  }
  return verdict_of(zone.lookup(question, request.type, view, sink));
}

bool is_rate_limited(const Listener& listener, const Asker& asker, const Policy& policy) {
  if (listener.transport == dns::Transport::tcp || !listener.is_rate_limited) return false;
  const base::IpAddress address = asker.address.unmapped();
  if (address.is_loopback()) return false;
  return std::none_of(policy.rate_limit_exempt.begin(), policy.rate_limit_exempt.end(),
                      [&](const base::Prefix& prefix) { return prefix.contains(address); });
}

}  // namespace

Responder::Snapshot::Reading Responder::Snapshot::read(base::Bytes query) const {
  Reading reading{.request = dns::parse_request(query)};
  if (reading.request && reading.request->rcode == Rcode::noerror)
    reading.question = zone_->read(reading.request->name);
  return reading;
}

std::size_t Responder::Snapshot::respond(const Reading& reading, const Listener& listener,
                                         const Asker& asker, base::MutableBytes out) const {
  const std::optional<dns::Request>& request = reading.request;
  if (!request) return 0;
  const Policy* const policy = policy_.get();
  const Zone* const zone = zone_.get();
  dns::ResponseWriter writer(*request, reply_limit(*request, listener), out);
  Verdict verdict = answer(*request, reading.question, *zone, *policy, listener.view, writer);
  dns::ResponseHead& head = verdict.head;
  head.nsid = policy->server_id;
  if (listener.transport == dns::Transport::tcp) head.tcp_keepalive = tcp_keepalive;

  const bool sent_cookie = request->edns && !request->edns->client_cookie.empty();
  bool has_valid_cookie = false;
  ServerCookie cookie{};
  if (sent_cookie) {
    const base::Bytes client = request->edns->client_cookie;
    const base::Bytes ours = request->edns->server_cookie;
    const CookieState state = policy->cookies->check(client, ours, asker.address, asker.now.wall);
    has_valid_cookie = state != CookieState::invalid;
    if (state == CookieState::fresh) {
      head.server_cookie = ours;
    } else {
      cookie = policy->cookies->make(client, asker.address, asker.now.wall);
      head.server_cookie = cookie;
    }
  }

  if (!has_valid_cookie && is_rate_limited(listener, asker, *policy)) {
    const auto second =
        std::chrono::duration_cast<std::chrono::seconds>(asker.now.steady.time_since_epoch())
            .count();
    const bool by_name = verdict.kind == RateLimiter::Kind::name;
    const dns::NameView counted = by_name ? request->name : zone->options().apex;
    switch (policy->rate_limiter->judge(asker.address, verdict.kind, counted,
                                        static_cast<std::uint32_t>(second))) {
      case RateLimiter::Verdict::answer:
        break;
      case RateLimiter::Verdict::drop:
        return 0;
      case RateLimiter::Verdict::slip:
        // RFC 7873 §5.2.3: a client that sent a cookie gets BADCOOKIE and a valid cookie; others
        // are sent to TCP.
        head.withhold = true;
        head.extended_error.reset();  // about what is withheld: a flood gets no needless octet
        if (sent_cookie) head.rcode = Rcode::badcookie;
        break;
    }
  }
  return writer.finish(head);
}

}  // namespace dnsd
