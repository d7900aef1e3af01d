#include "dnsd/responder.hpp"

#include <algorithm>

#include "dns/request.hpp"
#include "dns/response.hpp"

namespace dnsd {
namespace {

using dns::ExtendedError;
using dns::Rcode;

/// Octets of a reply that the asker takes (RFC 6891 §6.2.3, RFC 9715).
std::size_t reply_limit(const dns::Request& request, Transport transport) {
  if (transport == Transport::tcp) return dns::max_message_octets;
  if (!request.edns) return dns::plain_udp_octets;
  return std::clamp<std::size_t>(request.edns->udp_size, dns::plain_udp_octets,
                                 dns::our_udp_octets);
}

dns::ResponseHead head_of(Outcome outcome) {
  dns::ResponseHead head;
  switch (outcome) {
    case Outcome::hit:
    case Outcome::nodata:
    case Outcome::cname:
      head.authoritative = true;
      break;
    case Outcome::nxdomain:
      head.authoritative = true;
      head.rcode = Rcode::nxdomain;
      break;
    case Outcome::referral:
      head.glue_required = true;
      break;
    case Outcome::failed:
      head.rcode = Rcode::servfail;
      head.extended_error = ExtendedError::not_ready;
      break;
    case Outcome::refused:
      head.rcode = Rcode::refused;
      head.extended_error = ExtendedError::not_authoritative;
      break;
  }
  return head;
}

dns::ResponseHead look_up(const Zone& zone, const dns::Request& request, View view,
                          dns::RecordSink& sink) {
  if (request.rr_class != dns::RrClass::in) return head_of(Outcome::refused);
  if (request.type == dns::RrType::axfr || request.type == dns::RrType::ixfr) {
    dns::ResponseHead head;
    head.rcode = Rcode::refused;
    head.extended_error = ExtendedError::prohibited;
    return head;
  }
  return head_of(zone.lookup(request.name, request.type, view, sink));
}

}  // namespace

std::size_t Responder::respond(base::Bytes query, const Listener& listener,
                               base::MutableBytes out) const {
  const auto request = dns::parse_request(query);
  if (!request) return 0;
  dns::ResponseWriter writer(*request, reply_limit(*request, listener.transport), out);
  if (request->rcode != Rcode::noerror || request->question.empty()) {
    dns::ResponseHead head;
    head.rcode = request->rcode;
    return writer.finish(head);
  }
  return writer.finish(look_up(*zone_.get(), *request, listener.view, writer));
}

}  // namespace dnsd
