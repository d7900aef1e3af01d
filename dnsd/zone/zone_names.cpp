#include "dnsd/zone/zone_names.hpp"

namespace dnsd {
namespace {

using Form = schema::PeerName::Form;

dns::Name child_of(const dns::Name& parent, std::string_view label) {
  dns::Name name = parent;
  (void)name.prepend(label);
  return name;
}

}  // namespace

ZoneNames::ZoneNames(const dns::Name& apex, const PeerLabels& labels, std::string_view tunnel_label)
    : apex_(apex),
      protocol_root_(child_of(apex, schema::protocol_label)),
      service_root_(child_of(protocol_root_, schema::service_label)),
      service_types_root_(child_of(protocol_root_, "_dns-sd")),
      service_types_(child_of(service_types_root_, "_services")) {
  if (!tunnel_label.empty()) tunnel_root_ = child_of(apex, tunnel_label);
  for (const auto& [label, key] : labels) alias_keys_.emplace(child_of(dns::Name(), label), key);
}

std::optional<ZoneNames::Alias> ZoneNames::find_alias(dns::NameView name) const {
  if (alias_keys_.empty() || name.equals(apex_)) return std::nullopt;
  const std::size_t depth = name.label_count() - apex_.view().label_count();
  if (depth > deepest_dynamic_name) return std::nullopt;
  const bool is_instance = depth == 3 && name.parent().equals(service_root_);
  dns::Name label;
  (void)label.prepend((is_instance ? name : name.ancestor(depth - 1)).first_label_text());
  const auto found = alias_keys_.find(label);
  if (found == alias_keys_.end()) return std::nullopt;
  if (is_instance) return Alias{Form::instance, &found->second};
  if (depth == 1) return Alias{Form::host, &found->second};

  dns::Name expected(name.ancestor(depth - 1));
  (void)expected.prepend(schema::protocol_label);
  if (depth == 3) (void)expected.prepend(schema::service_label);
  if (!name.equals(expected)) return std::nullopt;
  return Alias{depth == 2 ? Form::protocol : Form::service, &found->second};
}

dns::Name ZoneNames::target(const Alias& alias) const {
  if (alias.form == Form::host) return schema::host_name(*alias.key, apex_);
  if (alias.form == Form::instance) return schema::instance_name(*alias.key, apex_);
  return schema::service_name(*alias.key, apex_);
}

const wg::PublicKey* ZoneNames::find_key(std::string_view label) const {
  const auto found = alias_keys_.find(child_of(dns::Name(), label));
  return found == alias_keys_.end() ? nullptr : &found->second;
}

}  // namespace dnsd
