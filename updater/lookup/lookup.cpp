#include "updater/lookup/lookup.hpp"

#include <algorithm>
#include <utility>

#include "schema/owner_name.hpp"
#include "schema/peer_text.hpp"

// Makes a peer's endpoints from the replies of a resolver. Top down: the SRV records, the
// addresses of their targets, then the TXT record. The caller asks the questions, and chooses the
// thread (lookup_worker.cpp).
namespace updater {
namespace {

/// A longer chain of aliases is taken for a loop.
constexpr int max_aliases = 8;

struct Target {
  std::uint16_t priority = 0;
  base::Port port{};
  dns::Name name;
  std::optional<base::IpAddress> named_address;  ///< the one in its name; none: not there
};

/// The records of `type` in the answer that belong to `name`, through aliases.
std::vector<const dns::ReplyRecord*> find_answer(const dns::Reply& reply, dns::Name name,
                                                 dns::RrType type) {
  for (int aliases = 0; aliases <= max_aliases; ++aliases) {
    std::vector<const dns::ReplyRecord*> found;
    const dns::Name* alias = nullptr;
    for (const dns::ReplyRecord& record : reply.answer) {
      if (record.owner != name) continue;
      if (record.type == type) found.push_back(&record);
      if (record.type == dns::RrType::cname) alias = &std::get<dns::Name>(record.data);
    }
    if (!found.empty() || alias == nullptr) return found;
    name = *alias;
  }
  return {};
}

/// What a reply without the wanted records means.
LookupError explain(const dns::Reply& reply) {
  switch (reply.rcode) {
    case dns::Rcode::noerror:
      return reply.answer.empty() ? LookupError::no_endpoint : LookupError::foreign;
    case dns::Rcode::nxdomain:
      return LookupError::no_such_name;
    case dns::Rcode::refused:
      return LookupError::refused;
    default:
      return LookupError::server_failure;
  }
}

/// The target of an SRV record of this peer. \return nullopt: the target is another peer's.
std::optional<Target> read_target(const dns::SrvRecord& srv, const wg::PublicKey& peer,
                                  const dns::Name& zone) {
  if (srv.target.view().is_root()) return std::nullopt;  // RFC 2782: decidedly not available
  Target target{srv.priority, srv.port, srv.target, std::nullopt};
  if (!srv.target.view().is_at_or_below(zone)) return target;
  const auto owner = schema::parse_peer_name(srv.target, zone);
  if (!owner) return target;
  if (owner->key != peer || owner->form != schema::PeerName::Form::address) return std::nullopt;
  target.named_address = owner->address;
  return target;
}

/// Addresses of one target, from the additional section of the SRV reply or by asking.
struct Addresses {
  std::vector<base::IpAddress> addresses;
  dns::Ttl ttl{0x7fffffff};
  std::optional<LookupError> error;  ///< of the last address that could not be used
};

void take_address(const dns::ReplyRecord& record, const Target& target, Addresses& result) {
  const auto& address = std::get<base::IpAddress>(record.data);
  if (target.named_address && *target.named_address != address) {
    result.error = LookupError::foreign;
    return;
  }
  result.addresses.push_back(address);
  result.ttl = std::min(result.ttl, record.ttl);
}

Addresses find_addresses(const Ask& ask, const dns::Reply& srv_reply, const Target& target) {
  Addresses result;
  for (const dns::RrType type : {dns::RrType::aaaa, dns::RrType::a}) {
    const bool wants_ipv4 = type == dns::RrType::a;
    if (target.named_address && target.named_address->is_ipv4() != wants_ipv4) continue;
    bool found = false;
    for (const dns::ReplyRecord& record : srv_reply.additional) {
      if (record.type != type || record.owner != target.name) continue;
      take_address(record, target, result);
      found = true;
    }
    if (found) continue;
    const auto reply = ask(target.name, type);
    if (!reply) {
      result.error = reply.error();
      continue;
    }
    const auto records = find_answer(*reply, target.name, type);
    if (records.empty()) result.error = explain(*reply);
    for (const dns::ReplyRecord* record : records) take_address(*record, target, result);
  }
  return result;
}

base::Expected<PublishedEndpoints, LookupError> look_up_endpoints(const Ask& ask,
                                                                  const wg::PublicKey& peer,
                                                                  const dns::Name& zone) {
  const dns::Name service = schema::service_name(peer, zone);
  const auto reply = ask(service, dns::RrType::srv);
  if (!reply) return base::Unexpected(reply.error());
  const auto records = find_answer(*reply, service, dns::RrType::srv);
  if (records.empty()) return base::Unexpected(explain(*reply));

  PublishedEndpoints published{{}, dns::Ttl{0x7fffffff}};
  LookupError error = LookupError::foreign;
  std::vector<Target> targets;
  for (const dns::ReplyRecord* record : records) {
    published.ttl = std::min(published.ttl, record->ttl);
    const auto target = read_target(std::get<dns::SrvRecord>(record->data), peer, zone);
    if (target) targets.push_back(*target);
  }
  std::stable_sort(targets.begin(), targets.end(),
                   [](const Target& a, const Target& b) { return a.priority < b.priority; });
  if (targets.size() > max_published) targets.resize(max_published);
  for (const Target& target : targets) {
    const Addresses found = find_addresses(ask, *reply, target);
    if (found.error) error = *found.error;
    published.ttl = std::min(published.ttl, found.ttl);
    for (const base::IpAddress& address : found.addresses) {
      const base::Endpoint endpoint{address.unmapped(), target.port};
      const auto& known = published.endpoints;
      if (known.size() < max_published &&
          std::find(known.begin(), known.end(), endpoint) == known.end())
        published.endpoints.push_back(endpoint);
    }
  }
  if (published.endpoints.empty()) return base::Unexpected(error);
  return published;
}

std::optional<PublishedText> read_text(const dns::Reply& reply, const wg::PublicKey& peer,
                                       const dns::Name& service) {
  for (const dns::ReplyRecord* record : find_answer(reply, service, dns::RrType::txt)) {
    const auto text = schema::parse_peer_text(std::get<dns::TxtRecord>(record->data).strings);
    if (text && text->public_key == peer)
      return PublishedText{text->is_hub, text->mapping, text->relays, text->name};
  }
  // A reply without the record says that there is none; an error of the resolver says nothing.
  if (reply.rcode == dns::Rcode::noerror || reply.rcode == dns::Rcode::nxdomain)
    return PublishedText{};
  return std::nullopt;
}

std::optional<PublishedText> look_up_text(const Ask& ask, const wg::PublicKey& peer,
                                          const dns::Name& zone) {
  const dns::Name service = schema::service_name(peer, zone);
  const auto reply = ask(service, dns::RrType::txt);
  if (!reply) return std::nullopt;
  return read_text(*reply, peer, service);
}

}  // namespace

LookupError to_lookup_error(dns::ResolverError error) {
  switch (error) {
    case dns::ResolverError::server_failure:
      return LookupError::server_failure;
    case dns::ResolverError::refused:
      return LookupError::refused;
    case dns::ResolverError::timeout:
      return LookupError::timeout;
    case dns::ResolverError::unreachable:
      return LookupError::unreachable;
    case dns::ResolverError::malformed:
      break;
  }
  return LookupError::malformed;
}

std::string_view to_string(LookupError error) {
  switch (error) {
    case LookupError::no_such_name:
      return "its name does not exist (NXDOMAIN)";
    case LookupError::no_endpoint:
      return "it is registered, but was not seen yet (NODATA)";
    case LookupError::server_failure:
      return "the resolver failed (SERVFAIL)";
    case LookupError::refused:
      return "the resolver refused (REFUSED)";
    case LookupError::timeout:
      return "no resolver answered in time";
    case LookupError::unreachable:
      return "no resolver can be reached";
    case LookupError::malformed:
      return "the resolver's reply is malformed";
    case LookupError::foreign:
      return "the records belong to another name";
  }
  return "";
}

bool is_about_peer(LookupError error) {
  return error == LookupError::no_such_name || error == LookupError::no_endpoint ||
         error == LookupError::foreign || error == LookupError::malformed;
}

LookupResult look_up_peer(const Ask& ask, const wg::PublicKey& peer, const dns::Name& zone,
                          bool with_text) {
  auto endpoints = look_up_endpoints(ask, peer, zone);
  return {peer, std::move(endpoints), with_text ? look_up_text(ask, peer, zone) : std::nullopt};
}

std::optional<PublishedText> parse_text_answer(base::Bytes packet, const wg::PublicKey& peer,
                                               const dns::Name& zone) {
  const dns::Name service = schema::service_name(peer, zone);
  const auto reply = dns::parse_reply(packet, service, dns::RrType::txt);
  if (!reply || reply->truncated) return std::nullopt;
  return read_text(*reply, peer, service);
}

}  // namespace updater
