#include "dnsd/zone/zone.hpp"

#include <algorithm>
#include <utility>

namespace dnsd {

using dns::RrType;

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
  const bool is_for_any_name = found.is_for_any_name;
  // Behind a CNAME of ours the reply is authoritative, wherever the chain leads (RFC 1035 §4.1.1,
  // AA).
  const Finding chain_ends{.outcome = Outcome::cname, .is_for_any_name = is_for_any_name};
  dns::NameView at = question.name;
  dns::Name current;
  for (int hop = 1; found.outcome == Outcome::cname; ++hop) {
    // A wildcard CNAME may lead to itself; longer loops are refused when the zone is made.
    if (hop == max_cname_hops || next.view().equals(at)) return chain_ends;
    current = next;
    at = current;
    const Question target = read(at);
    if (!target.is_ours) return chain_ends;
    found = look_up_one(target, type, view, sink, next);
    if (found.outcome == Outcome::referral) return chain_ends;
  }
  found.is_for_any_name = is_for_any_name;
  return found;
}

/// RFC 1034 §4.3.2 steps 2 to 6 for one name. On `cname`, `next` is where the chain goes on.
Finding Zone::look_up_one(const Question& question, RrType type, View view, dns::RecordSink& sink,
                          dns::Name& next) const {
  const dns::NameView name = question.name;
  if (const auto cut = find_cut(name)) {
    // RFC 4035 §3.1.4.1: DS at the cut belongs to this side.
    if (type != RrType::ds || !cut->equals(name)) {
      emit_referral(*cut, view, sink);
      return {.outcome = Outcome::referral, .is_for_any_name = true};
    }
  }
  Node node;
  bool exists = find_node(question, view, node);
  bool is_for_any_name = false;
  if (!exists) {
    if (!live_.is_ready() && question.peer) return {Outcome::failed};
    exists = find_wildcard(name, view, node);
    is_for_any_name = exists;
  }
  if (!exists) {
    emit_soa(dns::Section::authority, sink);
    return {Outcome::nxdomain};
  }
  const Emission to{name, view, sink, dns::Section::answer, type != RrType::any};
  if (type == RrType::any) {
    if (emit_any(node, to)) return {Outcome::hit, false, is_for_any_name};
  } else if (emit(node, type, to)) {
    emit_additional(node, type, to);
    const bool is_endpoint = node.is_peer() && type != RrType::txt;  // TXT says it itself
    const bool is_stale = is_endpoint && node.peer.stale && tells_times(node.peer, view);
    return {Outcome::hit, is_stale, is_for_any_name};
  } else if (emit(node, RrType::cname, to)) {
    next = node.dynamic == Node::Dynamic::alias
               ? alias_target(node)
               : dns::Name(*dns::parse_name_view(node.statics->find(RrType::cname)->rdata.front()));
    return {Outcome::cname, false, is_for_any_name};
  }
  emit_soa(dns::Section::authority, sink);
  return {Outcome::nodata, false, is_for_any_name};
}

/// \param node fresh. \return whether the name exists.
bool Zone::find_node(const Question& question, View view, Node& node) const {
  if (question.peer) {
    node.name = &*question.peer;
    node.dynamic = find_peer(question.hash, view, node);  // nothing static stands there
  } else {
    node.statics = find_static(question.name);
    node.dynamic = find_fixed(question.name, view, node);
  }
  return node.statics != nullptr || node.dynamic != Node::Dynamic::none;
}

/// \param node has its name.
Zone::Node::Dynamic Zone::find_peer(PeerTable::KeyHash hash, View view, Node& node) const {
  const schema::PeerName& name = *node.name;
  using Form = schema::PeerName::Form;
  if (name.form == Form::other || (name.padded && !options_.padded_names))
    return Node::Dynamic::none;
  std::optional<PeerEndpoints> endpoints;
  if (!tells_more(view)) {
    endpoints = peers_.find_endpoints(name.key, hash);
    if (!endpoints) return Node::Dynamic::none;
  }
  if (endpoints && shows_any(*endpoints, view)) {
    node.peer.endpoints = *endpoints;
  } else {
    auto snapshot = peers_.snapshot(name.key, hash);
    if (!snapshot) return Node::Dynamic::none;
    node.peer = *std::move(snapshot);
  }
  switch (name.form) {
    case Form::host:
      return Node::Dynamic::host;
    case Form::protocol:
      return Node::Dynamic::empty;
    case Form::service:
      return Node::Dynamic::service;
    case Form::instance:
      return Node::Dynamic::instance;
    case Form::address: {
      const PeerEndpoints& known = node.peer.endpoints;
      const auto& endpoint = name.address->is_ipv4() ? known.ipv4 : known.ipv6;
      if (!endpoint || endpoint->address != *name.address || !shows(*endpoint, view))
        return Node::Dynamic::none;
      return Node::Dynamic::address;
    }
    case Form::lan:
      if (view == View::private_view) node.lan = live_.lan.find(name.key);
      return node.lan == nullptr ? Node::Dynamic::none : Node::Dynamic::lan;
    case Form::other:
      break;
  }
  return Node::Dynamic::none;
}

/// The names that are always there, and those of named peers.
Zone::Node::Dynamic Zone::find_fixed(dns::NameView name, View view, Node& node) const {
  if (name.equals(protocol_root_)) return Node::Dynamic::empty;
  if (name.equals(service_root_)) return Node::Dynamic::service_root;
  if (opens(&PublicParts::list, view)) {
    if (name.equals(service_types_root_)) return Node::Dynamic::empty;
    if (name.equals(service_types_)) return Node::Dynamic::service_types;
  }
  if (names_.empty() || !opens(&PublicParts::names, view) || name.equals(options_.apex))
    return Node::Dynamic::none;

  // NAME.Z, _udp.NAME.Z, _wireguard._udp.NAME.Z or NAME._wireguard._udp.Z
  const std::size_t depth = name.label_count() - options_.apex.view().label_count();
  if (depth > deepest_dynamic_name) return Node::Dynamic::none;
  const bool is_instance = depth == 3 && name.parent().equals(service_root_);
  dns::Name label;
  (void)label.prepend((is_instance ? name : name.ancestor(depth - 1)).first_label_text());
  const auto found = names_.find(label);
  if (found == names_.end()) return Node::Dynamic::none;
  using Form = schema::PeerName::Form;
  Form form = is_instance ? Form::instance : Form::host;
  if (!is_instance && depth > 1) {
    dns::Name expected(name.ancestor(depth - 1));
    (void)expected.prepend(schema::protocol_label);
    if (depth == 2) return name.equals(expected) ? Node::Dynamic::empty : Node::Dynamic::none;
    (void)expected.prepend(schema::service_label);
    if (!name.equals(expected)) return Node::Dynamic::none;
    form = Form::service;
  }
  node.alias_form = form;
  node.alias_key = &found->second;
  return Node::Dynamic::alias;
}

/// The name of the peer itself that a configured name stands for.
dns::Name Zone::alias_target(const Node& node) const {
  using Form = schema::PeerName::Form;
  const wg::PublicKey& key = *node.alias_key;
  if (node.alias_form == Form::host) return schema::host_name(key, options_.apex);
  if (node.alias_form == Form::instance) return schema::instance_name(key, options_.apex);
  return schema::service_name(key, options_.apex);
}

const Zone::StaticNode* Zone::find_static(dns::NameView name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second;
}

/// RFC 4592 §3.3.1: the wildcard below the closest encloser, if there is one.
/// \param node fresh. \return whether there is one.
bool Zone::find_wildcard(dns::NameView name, View view, Node& node) const {
  if (!has_wildcards_) return false;
  const std::size_t depth = name.label_count() - options_.apex.view().label_count();
  // A name with a hundred labels costs no more than the deepest one that can exist.
  dns::NameView encloser = name.ancestor(depth > deepest_ ? depth - deepest_ : 1);
  const auto exists = [&] {
    Node closest;
    return find_node(read(encloser), view, closest);
  };
  while (!encloser.equals(options_.apex) && !exists()) encloser = encloser.parent();
  dns::Name wildcard(encloser);
  if (!wildcard.prepend("*")) return false;
  node = Node{};
  node.statics = find_static(wildcard);
  return node.statics != nullptr;
}

/// The highest zone cut at or above `name`, below the apex.
std::optional<dns::NameView> Zone::find_cut(dns::NameView name) const {
  if (!has_cuts_) return std::nullopt;
  const std::size_t depth = name.label_count() - options_.apex.view().label_count();
  for (std::size_t below_apex = 1; below_apex <= std::min(depth, deepest_); ++below_apex) {
    const dns::NameView candidate = name.ancestor(depth - below_apex);
    const StaticNode* node = find_static(candidate);
    if (node != nullptr && node->find(RrType::ns) != nullptr) return candidate;
  }
  return std::nullopt;
}

const Zone::Rrset* Zone::StaticNode::find(RrType type) const {
  for (const Rrset& rrset : rrsets) {
    if (rrset.type == type) return &rrset;
  }
  return nullptr;
}

bool Zone::shows(const base::Endpoint& endpoint, View view) const {
  return is_published(endpoint, view, options_.publish_private);
}

/// Since when an endpoint is known, and whether it is stale, is told of endpoints that are shown.
bool Zone::tells_times(const PeerSnapshot& peer, View view) const {
  return opens(&PublicParts::since, view) && shows_any(peer.endpoints, view);
}

/// Whether the view is told anything of a peer beside its endpoints.
bool Zone::tells_more(View view) const {
  return opens(&PublicParts::since, view) || opens(&PublicParts::allowed, view) ||
         opens(&PublicParts::map, view);
}

bool Zone::shows_any(const PeerEndpoints& endpoints, View view) const {
  return (endpoints.ipv4 && shows(*endpoints.ipv4, view)) ||
         (endpoints.ipv6 && shows(*endpoints.ipv6, view));
}

bool Zone::opens(bool PublicParts::*part, View view) const {
  return view == View::private_view || options_.public_parts.*part;
}

}  // namespace dnsd
