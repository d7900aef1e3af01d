// The answer to one question: lookup() follows CNAMEs, look_up_one() decides for one name,
// find_node() gathers what exists there, and the functions called emit write records. At the end is
// the dump of a whole view. Runs on every thread that answers; a Zone never changes. Elsewhere:
// static records in static_records, those of peers in peer_records, fixed names and aliases in
// zone_names.

#include "dnsd/zone/zone.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/bytes.hpp"
#include "base/encoding.hpp"
#include "dnsd/zone/tunnel_records.hpp"

namespace dnsd {

using dns::RrType;
using dns::Section;

namespace {

constexpr std::size_t soa_numbers_octets = 20;  // RFC 1035 §3.3.13: behind the two names
constexpr std::size_t soa_minimum_octets = 4;   // the last of them
constexpr std::size_t soa_behind_serial = soa_numbers_octets - 4;

}  // namespace

base::Expected<Zone, ZoneError> Zone::make(const ZoneOptions& options,
                                           std::vector<dns::ZoneRecord> records, const Names& names,
                                           const PeerTable& peers, const LiveState& live) {
  if (options.apex.view().wire().size() > schema::max_zone_octets) {
    return base::Unexpected(
        ZoneError{{},
                  fmt::format("zone {} is {} octets long; the names of its peers fit up to {}",
                              options.apex.to_string(), options.apex.view().wire().size(),
                              schema::max_zone_octets)});
  }
  ZoneNames zone_names(options.apex, names, options.tunnel_label);
  auto statics = StaticRecords::make(zone_names, std::move(records));
  if (!statics) return base::Unexpected(statics.error());
  return Zone(options, std::move(zone_names), *std::move(statics), peers, live);
}

Zone::Zone(const ZoneOptions& options, ZoneNames names, StaticRecords statics,
           const PeerTable& peers, const LiveState& live)
    : options_(options),
      names_(std::move(names)),
      statics_(std::move(statics)),
      peer_records_(options),
      peers_(peers),
      live_(live),
      deepest_(std::max(statics_.deepest(), deepest_dynamic_name)) {
  const Rrset& soa = *statics_.find(options_.apex)->find(RrType::soa);
  soa_ttl_ = soa.ttl;
  soa_ = soa.rdata.front();
  base::ByteReader minimum(base::Bytes(soa_).last(soa_minimum_octets));
  base::ByteWriter lowered(base::MutableBytes(soa_).last(soa_minimum_octets));
  lowered.u32(std::min(minimum.u32(), options_.negative_ttl.seconds));
}

Zone::Question Zone::read(dns::NameView name) const {
  Question question{.name = name, .is_ours = name.is_at_or_below(options_.apex)};
  if (question.is_ours) question.peer = schema::parse_peer_name(name, options_.apex);
  if (question.peer) question.hash = PeerTable::hash(question.peer->key);
  return question;
}

Finding Zone::lookup(const Question& question, RrType type, View view,
                     dns::RecordSink& sink) const {
  if (!question.is_ours) return {Outcome::refused};
  dns::Name next;
  Finding found = look_up_one(question, type, view, sink, next);  // owners keep the asker's case
  if (found.outcome != Outcome::cname) return found;
  const bool is_for_any_name = found.is_for_any_name;
  found = follow(question, next, type, view, sink);
  found.is_for_any_name = is_for_any_name;
  return found;
}

/// What is at the end of a chain of CNAMEs. \param first where the one at the question leads
Finding Zone::follow(const Question& question, const dns::Name& first, RrType type, View view,
                     dns::RecordSink& sink) const {
  // Behind a CNAME of ours the reply is authoritative, wherever the chain leads (RFC 1035 §4.1.1,
  // AA).
  constexpr Finding chain_ends{.outcome = Outcome::cname};
  std::array<dns::Name, max_cname_hops + 1> chain;
  chain[0] = first;
  for (std::size_t hop = 0; hop < max_cname_hops; ++hop) {
    const dns::NameView at = chain[hop];
    const bool is_known =
        at.equals(question.name) ||
        std::any_of(chain.begin(), std::next(chain.begin(), static_cast<std::ptrdiff_t>(hop)),
                    [&](const dns::Name& one) { return at.equals(one); });
    const Question target = read(at);
    if (is_known || !target.is_ours) return chain_ends;
    const Finding found = look_up_one(target, type, view, sink, chain[hop + 1]);
    if (found.outcome == Outcome::referral) return chain_ends;
    if (found.outcome != Outcome::cname) return found;
  }
  return chain_ends;
}

/// RFC 1034 §4.3.2 steps 2 to 6 for one name. \param next set on Outcome::cname: where the chain
/// leads.
Finding Zone::look_up_one(const Question& question, RrType type, View view, dns::RecordSink& sink,
                          dns::Name& next) const {
  const dns::NameView name = question.name;
  if (const auto cut = statics_.find_cut(name)) {
    // RFC 4035 §3.1.4.1: DS at the cut belongs to this side.
    if (type != RrType::ds || !cut->equals(name)) {
      emit_referral(*cut, view, sink);
      return {.outcome = Outcome::referral, .is_for_any_name = true};
    }
  }
  Node node;
  find_node(question, type, view, node);
  bool is_for_any_name = false;
  if (!node.exists()) {
    const bool is_tunnel = view == View::private_view && names_.is_tunnel_name(name);
    if (!live_.is_ready() && (question.peer || is_tunnel)) return {Outcome::failed};
    node.statics = find_wildcard(name, view);
    is_for_any_name = node.exists();
  }
  if (!node.exists()) {
    emit_soa(Section::authority, sink);
    return {Outcome::nxdomain};
  }
  const Emission to{name, sink, Section::answer, type != RrType::any};
  if (type == RrType::any) {
    if (emit_any(node, view, to)) return {Outcome::hit, false, is_for_any_name};
  } else if (emit(node, type, view, to)) {
    emit_additional(node, name, type, view, sink);
    const bool is_stale = node.dynamic == Node::Dynamic::peer && node.peer.stale &&
                          type != RrType::txt;  // TXT says it itself
    return {Outcome::hit, is_stale, is_for_any_name};
  } else if (emit(node, RrType::cname, view, to)) {
    next = cname_target(node);
    return {Outcome::cname, false, is_for_any_name};
  }
  emit_soa(Section::authority, sink);
  return {Outcome::nodata, false, is_for_any_name};
}

// What is at a name

void Zone::find_node(const Question& question, RrType type, View view, Node& node) const {
  if (question.peer) {  // there are no static records
    node.name = &*question.peer;
    if (!find_peer(question, type, view, node.peer)) return;
    const bool is_empty = node.name->form == schema::PeerName::Form::protocol;
    node.dynamic = is_empty ? Node::Dynamic::empty : Node::Dynamic::peer;
  } else {
    node.statics = statics_.find(question.name);
    node.dynamic = find_fixed(question.name, view, node);
  }
}

/// Whether the peer's name exists; then `peer` is set.
bool Zone::find_peer(const Question& question, RrType type, View view, VisiblePeer& peer) const {
  const schema::PeerName& name = *question.peer;
  if (!peer_records_.is_possible(name)) return false;
  const bool has_text =
      type == RrType::txt || type == RrType::any || peer_records_.brings_text(name, type);
  const auto relays = has_text ? live_.relays() : decltype(live_.relays()){};
  bool is_shown = false;
  if (!relays && !peer_records_.needs_snapshot(view)) {
    const auto endpoints = peers_.find_endpoints(name.key, question.hash);
    if (!endpoints) return false;
    is_shown = peer_records_.show_endpoints(*endpoints, view, peer);
  }
  if (!is_shown) {
    auto snapshot = peers_.snapshot(name.key, question.hash);
    if (!snapshot) return false;
    peer_records_.show(*std::move(snapshot), view, peer);
  }
  if (peer.is_relayed) peer.relays = relays;
  if (name.form == schema::PeerName::Form::lan && view == View::private_view)
    peer.lan = live_.lan.find(name.key);
  if (name.form == schema::PeerName::Form::path && view == View::private_view)
    peer.paths = live_.paths.find(name.key);
  return peer_records_.exists(name, peer);
}

/// The names that hold no key: those that are always there, and the aliases.
Zone::Node::Dynamic Zone::find_fixed(dns::NameView name, View view, Node& node) const {
  if (name.equals(names_.protocol_root())) return Node::Dynamic::empty;
  if (name.equals(names_.service_root())) return Node::Dynamic::service_root;
  if (options_.opens(&PublicParts::list, view)) {
    if (name.equals(names_.service_types_root())) return Node::Dynamic::empty;
    if (name.equals(names_.service_types())) return Node::Dynamic::service_types;
  }
  if (view == View::private_view) {
    const auto found = find_tunnel_name(name, names_, peers_, peer_records_, node.peer);
    if (found == TunnelName::root) return Node::Dynamic::empty;
    if (found == TunnelName::peer) return Node::Dynamic::tunnel;
  }
  if (!options_.opens(&PublicParts::names, view)) return Node::Dynamic::none;
  const auto alias = names_.find_alias(name);
  if (!alias) return Node::Dynamic::none;
  if (alias->form == schema::PeerName::Form::protocol) return Node::Dynamic::empty;
  node.alias = *alias;
  return Node::Dynamic::alias;
}

/// RFC 4592 §3.3.1: the wildcard below the closest encloser. \return nullptr: there is none.
const StaticNode* Zone::find_wildcard(dns::NameView name, View view) const {
  if (!statics_.has_wildcards()) return nullptr;
  const std::size_t depth = name.label_count() - options_.apex.view().label_count();
  // A name with a hundred labels costs no more than the deepest one that can exist.
  dns::NameView encloser = name.ancestor(depth > deepest_ ? depth - deepest_ : 1);
  const auto exists = [&] {
    const Question question = read(encloser);
    Node node;
    find_node(question, RrType::a, view, node);
    return node.exists();
  };
  while (!encloser.equals(options_.apex) && !exists()) encloser = encloser.parent();
  return statics_.find_wildcard(encloser);
}

/// Where the CNAME of a node leads. \param node has one.
dns::Name Zone::cname_target(const Node& node) const {
  if (node.dynamic == Node::Dynamic::alias) return names_.target(node.alias);
  return dns::Name(*dns::parse_name_view(node.statics->find(RrType::cname)->rdata.front()));
}

// Writing records

/// Writes the RRset of one type. \return false: the node has none.
bool Zone::emit(const Node& node, RrType type, View view, const Emission& to) const {
  if (node.dynamic == Node::Dynamic::peer)
    return peer_records_.emit(*node.name, node.peer, type, to);
  const bool has_static = emit_static(node, type, to);
  switch (node.dynamic) {
    case Node::Dynamic::alias:
      if (type != RrType::cname) return false;
      to.add(type, options_.cname_ttl, names_.target(node.alias).view().wire());
      return true;
    case Node::Dynamic::tunnel:
      return emit_tunnel_addresses(node.peer, type, options_.cname_ttl, to);
    case Node::Dynamic::service_root:
      if (type == RrType::ptr) {
        if (!options_.opens(&PublicParts::list, view)) return false;
        return peer_records_.emit_list(*live_.list(view), to);
      }
      if (type != RrType::txt) return false;
      to.add(type, options_.endpoint_ttl, base::as_bytes("\x09txtvers=1"));
      return true;
    case Node::Dynamic::service_types: {
      if (type != RrType::ptr) return has_static;
      // RFC 2181 §5.2: one RRset, one TTL, that of the operator's records when there are any.
      const StaticNode* statics = statics_.find(names_.service_types());
      const Rrset* merged = statics == nullptr ? nullptr : statics->find(RrType::ptr);
      to.add(type, merged == nullptr ? options_.endpoint_ttl : merged->ttl,
             names_.service_root().view().wire());
      return true;
    }
    case Node::Dynamic::peer:
    case Node::Dynamic::empty:
    case Node::Dynamic::none:
      break;
  }
  return has_static;
}

bool Zone::emit_static(const Node& node, RrType type, const Emission& to) const {
  const Rrset* rrset = node.statics == nullptr ? nullptr : node.statics->find(type);
  if (rrset == nullptr) return false;
  if (type == RrType::soa) {
    emit_soa(to.section, to.sink);
    return true;
  }
  for (const auto& rdata : rrset->rdata) to.add(type, rrset->ttl, rdata);
  return true;
}

/// RFC 8482 §4.1: one RRset of those that there are.
bool Zone::emit_any(const Node& node, View view, const Emission& to) const {
  for (const RrType type :
       {RrType::srv, RrType::aaaa, RrType::a, RrType::txt, RrType::ptr, RrType::cname}) {
    if (emit(node, type, view, to)) return true;
  }
  return node.statics != nullptr && !node.statics->rrsets.empty() &&
         emit(node, node.statics->rrsets.front().type, view, to);
}

/// The addresses of the names that SRV and NS point to, if they are in this zone, in the order of
/// the answer. Those of a peer's endpoints are written already.
void Zone::emit_additional(const Node& node, dns::NameView owner, RrType type, View view,
                           dns::RecordSink& sink) const {
  if (type != RrType::srv && type != RrType::ns) return;
  if (node.dynamic == Node::Dynamic::peer) {
    if (const HostTarget* host = node.peer.host_target)
      emit_target_addresses(host->name, view, sink);
    if (peer_records_.brings_text(*node.name, type))
      (void)peer_records_.emit(*node.name, node.peer, RrType::txt,
                               Emission{owner, sink, Section::additional});
    return;
  }
  for (const auto& rdata : node.statics->find(type)->rdata) {
    const auto target = dns::parse_name_view(
        base::Bytes(rdata).subspan(type == RrType::srv ? dns::srv_target_offset : 0));
    if (target) emit_target_addresses(*target, view, sink);
  }
}

void Zone::emit_target_addresses(dns::NameView target, View view, dns::RecordSink& sink) const {
  // Glue below a cut is found as well: it is static, and no node is hidden by a cut.
  const Question question = read(target);
  if (!question.is_ours) return;
  Node node;
  find_node(question, RrType::a, view, node);
  const Emission to{target, sink, Section::additional};
  (void)emit(node, RrType::aaaa, view, to);
  (void)emit(node, RrType::a, view, to);
}

void Zone::emit_referral(dns::NameView cut, View view, dns::RecordSink& sink) const {
  const Rrset* name_servers = statics_.find(cut)->find(RrType::ns);
  for (const auto& rdata : name_servers->rdata) {
    sink.add(Section::authority, cut, RrType::ns, name_servers->ttl, rdata);
  }
  for (const auto& rdata : name_servers->rdata) {
    if (const auto target = dns::parse_name_view(rdata)) emit_target_addresses(*target, view, sink);
  }
}

void Zone::emit_soa(Section section, dns::RecordSink& sink) const {
  std::array<std::uint8_t, 2 * dns::max_name_octets + soa_numbers_octets> rdata;
  const base::Bytes soa(soa_);
  base::ByteWriter writer(rdata);
  writer.bytes(soa.first(soa.size() - soa_numbers_octets));
  writer.u32(live_.serial());
  writer.bytes(soa.last(soa_behind_serial));
  // RFC 2308 §3: in a negative answer it lives no longer than the answer may.
  const dns::Ttl minimum{base::ByteReader(soa.last(soa_minimum_octets)).u32()};
  sink.add(section, options_.apex, RrType::soa,
           section == Section::authority ? std::min(soa_ttl_, minimum) : soa_ttl_,
           writer.written());
}

// The dump of a view

namespace {

class VisitSink final : public dns::RecordSink {
 public:
  explicit VisitSink(const Zone::Visit& visit) : visit_(visit) {}
  void add(Section /*section*/, dns::NameView owner, RrType type, dns::Ttl ttl,
           base::Bytes rdata) override {
    visit_(owner, type, ttl, rdata);
  }

 private:
  const Zone::Visit& visit_;
};

}  // namespace

void Zone::for_each_record(View view, const Visit& visit) const {
  for_each_common_record(view, visit);
  peers_.for_each([&](const wg::PublicKey& key, const PeerRecord& record) {
    visit_peer(key, record, view, visit);
  });
}

void Zone::for_each_common_record(View view, const Visit& visit) const {
  VisitSink sink(visit);
  const auto visit_name = [&](dns::NameView owner) {
    Node node;
    node.dynamic = find_fixed(owner, view, node);
    for (const RrType type : {RrType::txt, RrType::ptr, RrType::cname, RrType::a, RrType::aaaa})
      (void)emit(node, type, view, Emission{owner, sink});
  };

  emit_soa(Section::answer, sink);
  statics_.for_each(visit);
  visit_name(names_.service_root());
  visit_name(names_.service_types());
  for (const auto& entry : names_.alias_keys()) {
    const std::string_view label = entry.first.view().first_label_text();
    const auto visit_below = [&](std::initializer_list<std::string_view> labels) {
      dns::Name name = options_.apex;
      for (const std::string_view one : labels) (void)name.prepend(one);
      visit_name(name);
    };
    visit_below({label});
    visit_below({label, schema::protocol_label, schema::service_label});
    visit_below({schema::protocol_label, schema::service_label, label});
    if (!options_.tunnel_label.empty()) visit_below({options_.tunnel_label, label});
  }
}

void Zone::for_each_peer_record(const wg::PublicKey& key, View view, const Visit& visit) const {
  if (const auto record = peers_.find(key)) visit_peer(key, *record, view, visit);
}

void Zone::visit_peer(const wg::PublicKey& key, const PeerRecord& record, View view,
                      const Visit& visit) const {
  VisitSink sink(visit);
  VisiblePeer peer;
  peer_records_.show({.endpoints = {record.ipv4, record.ipv6},
                      .since = record.since,
                      .stale = record.stale,
                      .is_relayed = record.detail->is_relayed,
                      .allowed_ip = {},
                      .detail = record.detail},
                     view, peer);
  if (peer.is_relayed) peer.relays = live_.relays();
  if (view == View::private_view) {
    peer.lan = live_.lan.find(key);
    peer.paths = live_.paths.find(key);
  }
  schema::PeerName name{.key = key, .label = base::to_base32(key.octets()), .address = {}};
  const auto visit_name = [&](schema::PeerName::Form form, dns::NameView owner) {
    name.form = form;
    for (const RrType type : peer_records_.types_at(name, peer))
      (void)peer_records_.emit(name, peer, type, Emission{owner, sink});
  };
  using Form = schema::PeerName::Form;
  visit_name(Form::host, schema::host_name(key, options_.apex));
  visit_name(Form::service, schema::service_name(key, options_.apex));
  visit_name(Form::instance, schema::instance_name(key, options_.apex));
  if (options_.padded_names)
    visit_name(Form::instance, schema::padded_instance_name(key, options_.apex));
  for (const auto& endpoint : {peer.endpoints.ipv4, peer.endpoints.ipv6}) {
    if (!endpoint) continue;
    name.address = endpoint->address;
    visit_name(Form::address, schema::address_name(*name.address, key, options_.apex));
  }
  if (peer.lan != nullptr) visit_name(Form::lan, schema::lan_name(key, options_.apex));
  if (peer.paths != nullptr) visit_name(Form::path, schema::path_name(key, options_.apex));
}

}  // namespace dnsd
