// What `wg-dnsd query` prints. The constructor asks the responder one question and gathers what the
// answer rests on; text() and json() only print it. Control thread. Answers are made in
// answer/responder, and sightings are kept by the observatory.
#include "dnsd/report/explain.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "control/form.hpp"
#include "dnsd/settings/view.hpp"

namespace dnsd {
namespace {

using Json = nlohmann::ordered_json;
using dns::RrType;
using dns::Section;

class NoSink final : public dns::RecordSink {
 public:
  void add(Section /*section*/, dns::NameView /*owner*/, RrType /*type*/, dns::Ttl /*ttl*/,
           base::Bytes /*rdata*/) override {}
};

std::vector<std::uint8_t> make_query(const dns::Name& name, RrType type) {
  std::array<std::uint8_t, dns::header_octets + dns::max_name_octets + 4 + 11> buffer{};
  base::ByteWriter writer(buffer);
  for (const std::uint16_t word : std::to_array<std::uint16_t>({0, 0, 1, 0, 0, 1})) {
    writer.u16(word);  // one question, one OPT
  }
  writer.bytes(name.view().wire());
  writer.u16(static_cast<std::uint16_t>(type));
  writer.u16(static_cast<std::uint16_t>(dns::RrClass::in));
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>(RrType::opt));
  writer.u16(dns::our_udp_octets);
  writer.u32(0);
  writer.u16(0);
  const base::Bytes written = writer.written();
  return {written.begin(), written.end()};
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::hit:
      return "hit";
    case Outcome::nodata:
      return "nodata";
    case Outcome::nxdomain:
      return "nxdomain";
    case Outcome::referral:
      return "referral";
    case Outcome::cname:
      return "cname";
    case Outcome::failed:
      return "failed";
    case Outcome::refused:
      break;
  }
  return "refused";
}

std::string_view to_string(dns::ExtendedError error) {
  switch (error) {
    case dns::ExtendedError::stale_answer:
      return "stale answer";
    case dns::ExtendedError::not_ready:
      return "not ready";
    case dns::ExtendedError::prohibited:
      return "prohibited";
    case dns::ExtendedError::not_authoritative:
      return "not authoritative";
  }
  return "";
}

std::string at(base::WallTime time) {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(time.time_since_epoch().count()));
}

/// The data of a record as a zone file writes it, after the type.
std::string data_of(const dns::ZoneRecord& record) {
  std::string line = dns::to_zone_line(record.owner, record.ttl, record.type, record.rdata);
  line.pop_back();
  for (int tab = 0; tab < 4; ++tab) line.erase(0, line.find('\t') + 1);
  return line;
}

Json section_json(const std::vector<dns::ZoneRecord>& records) {
  Json result = Json::array();
  for (const dns::ZoneRecord& record : records) {
    result.push_back({{"name", record.owner.to_string()},
                      {"ttl", record.ttl.seconds},
                      {"type", dns::to_string(record.type)},
                      {"data", data_of(record)}});
  }
  return result;
}

/// The peer that the name belongs to, directly or at the end of its CNAMEs.
std::optional<wg::PublicKey> key_of(const dns::Name& name, const dns::Message& message,
                                    dns::NameView apex) {
  dns::Name last = name;
  for (const dns::ZoneRecord& record : message.section(Section::answer)) {
    const auto target = dns::parse_name_view(record.rdata);
    if (record.type == RrType::cname && target) last = dns::Name(*target);
  }
  if (!last.view().is_at_or_below(apex)) return std::nullopt;
  const auto peer = schema::parse_peer_name(last, apex);
  return peer ? std::optional(peer->key) : std::nullopt;
}

std::string describe(Outcome outcome, const dns::Name& name, RrType type, const Zone& zone,
                     bool is_registered, bool is_key) {
  const std::string apex = zone.options().apex.to_string();
  const std::string wanted = dns::to_string(type);
  switch (outcome) {
    case Outcome::hit:
      return fmt::format("there is {}", wanted);
    case Outcome::nodata:
      return fmt::format("the name exists, without {} in this view", wanted);
    case Outcome::nxdomain:
      if (is_key && !is_registered) return "nobody has registered this key";
      return is_key ? "the peer has no such name in this view"
                    : "neither the zone file nor a peer has this name in this view";
    case Outcome::referral:
      return "a part of the zone that is delegated to other servers";
    case Outcome::cname:
      return fmt::format(
          "an alias that leads out of {}, into a delegated part of it, or round in a loop", apex);
    case Outcome::failed:
      return "not every source has been read yet, so the key may exist";
    case Outcome::refused:
      break;
  }
  if (name.view().is_at_or_below(zone.options().apex)) return wanted + " is refused to everybody";
  return fmt::format("outside {}", apex);
}

}  // namespace

Explanation::Explanation(const dns::Name& name, RrType type, View view, const Responder& responder,
                         const Zone& zone, const PeerTable& peers, const SightingReader& reader,
                         base::Now now)
    : name_(name), type_(type), view_(view), now_(now), outcome_(Outcome::refused) {
  // As over TCP: no truncation and no rate limit.
  std::vector<std::uint8_t> reply(dns::max_message_octets);
  const base::IpAddress here = *base::IpAddress::parse("127.0.0.1");
  reply.resize(
      responder.respond(make_query(name, type), {view, dns::Transport::tcp}, {here, now}, reply));
  message_ = dns::read_own_message(reply).value_or(dns::Message{});
  if (message_.rcode != dns::Rcode::refused) {
    NoSink sink;
    outcome_ = zone.lookup(zone.read(name), type, view, sink).outcome;
  }
  const auto key = key_of(name, message_, zone.options().apex);
  if (key) peer_ = Peer{*key, peers.find(*key), reader.sightings(*key)};
  reason_ = describe(outcome_, name, type, zone, peer_ && peer_->record, key.has_value());
  publish_private_ = zone.options().publish_private;
}

std::string Explanation::text() const {
  std::string text =
      fmt::format(";; status: {}, flags: qr{}{}\n;; QUESTION\n;{}\tIN\t{}\n",
                  dns::to_string(message_.rcode), message_.authoritative ? " aa" : "",
                  message_.truncated ? " tc" : "", name_.to_string(), dns::to_string(type_));
  const std::array<std::string_view, 3> titles = {"ANSWER", "AUTHORITY", "ADDITIONAL"};
  for (std::size_t i = 0; i < titles.size(); ++i) {
    if (message_.sections[i].empty()) continue;
    text += fmt::format(";; {}\n", titles[i]);
    for (const dns::ZoneRecord& record : message_.sections[i]) {
      text += dns::to_zone_line(record.owner, record.ttl, record.type, record.rdata);
    }
  }
  if (message_.extended_error) {
    text +=
        fmt::format(";; extended error: {} ({})\n", static_cast<unsigned>(*message_.extended_error),
                    to_string(*message_.extended_error));
  }
  text += fmt::format("\nview       {}\noutcome    {}: {}\n", to_string(view_), to_string(outcome_),
                      reason_);
  return text + peer_text();
}

std::string Explanation::peer_text() const {
  if (!peer_) return {};
  std::string text = fmt::format("peer       {}", peer_->key.to_base64());
  if (!peer_->record) return text + ": not registered\n";
  const PeerRecord& record = *peer_->record;
  if (!record.detail->name.empty()) text += fmt::format(" ({})", record.detail->name);
  if (record.detail->is_hub) text += ", a key of this host";
  text += record.stale ? ", stale\n" : "\n";
  for (const SourceSighting& one : peer_->sightings.seen) {
    const Observation& seen = one.observation;
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now_.steady - seen.seen);
    text += fmt::format("seen       {} by {}, there since {}, last at {} ({} s ago{}): {}\n",
                        seen.endpoint.to_string(), one.source, at(seen.since), at(seen.last_seen),
                        age.count(), one.is_stale ? ", stale" : "",
                        is_published(seen.endpoint) ? "published" : "not published");
  }
  if (const auto& hint = peer_->sightings.hint) {
    text += fmt::format("hint       {} from {}, as old as {}: {}\n", hint->place, hint->file,
                        at(hint->time), describe_hint(*hint));
  } else if (peer_->sightings.fixed) {
    text += fmt::format("fixed      {} by the configuration: {}\n", fixed_endpoint(),
                        is_published(*peer_->sightings.fixed) ? "published" : "not published");
  } else if (record.detail->host_target) {
    text += fmt::format("fixed      {} by the configuration, while no address is known\n",
                        fixed_endpoint());
  } else if (peer_->sightings.seen.empty()) {
    text += "seen       never, or too long ago (expire-after)\n";
  }
  return text;
}

std::string Explanation::fixed_endpoint() const {
  if (peer_->sightings.fixed) return peer_->sightings.fixed->to_string();
  if (!peer_->record || !peer_->record->detail->host_target) return {};
  const HostTarget& target = *peer_->record->detail->host_target;
  return fmt::format("{}:{}", target.name.to_string(), base::to_number(target.port));
}

std::string_view Explanation::describe_hint(const EndpointHint& hint) const {
  if (!peer_->sightings.seen.empty()) return "a source has seen the peer since";
  if (!hint.is_valid) return "too old (expire-after), or seen by a source meanwhile";
  return "published while no source has seen the peer";
}

bool Explanation::is_published(const base::Endpoint& endpoint) const {
  if (!peer_->record) return false;
  const PeerRecord& record = *peer_->record;
  return (record.ipv4 == endpoint || record.ipv6 == endpoint) &&
         dnsd::is_published(endpoint, view_, publish_private_);
}

std::string Explanation::json() const {
  Json json{{"name", name_.to_string()},
            {"type", dns::to_string(type_)},
            {"view", to_string(view_)},
            {"rcode", dns::to_string(message_.rcode)},
            {"authoritative", message_.authoritative},
            {"extended_error", nullptr},
            {"answer", section_json(message_.section(Section::answer))},
            {"authority", section_json(message_.section(Section::authority))},
            {"additional", section_json(message_.section(Section::additional))},
            {"outcome", to_string(outcome_)},
            {"reason", reason_},
            {"peer", nullptr}};
  if (message_.extended_error)
    json["extended_error"] = static_cast<unsigned>(*message_.extended_error);
  if (peer_) {
    Json peer{{"public_key", peer_->key.to_base64()},
              {"registered", peer_->record.has_value()},
              {"name", nullptr},
              {"stale", peer_->record && peer_->record->stale},
              {"seen", Json::array()},
              {"hint", nullptr},
              {"fixed_endpoint", control::text_or_null(fixed_endpoint())}};
    if (peer_->record) peer["name"] = control::text_or_null(peer_->record->detail->name);
    for (const SourceSighting& one : peer_->sightings.seen) {
      peer["seen"].push_back({{"source", one.source},
                              {"endpoint", one.observation.endpoint.to_string()},
                              {"since", one.observation.since.time_since_epoch().count()},
                              {"last_seen", one.observation.last_seen.time_since_epoch().count()},
                              {"stale", one.is_stale},
                              {"published", is_published(one.observation.endpoint)}});
    }
    if (const auto& hint = peer_->sightings.hint)
      peer["hint"] = {{"endpoint", hint->place},
                      {"file", hint->file},
                      {"time", hint->time.time_since_epoch().count()},
                      {"valid", hint->is_valid}};
    json["peer"] = std::move(peer);
  }
  return control::write_form(json);
}

std::optional<dns::Name> parse_question_name(const std::string& text, dns::NameView apex) {
  if (const auto key = wg::PublicKey::parse(text)) return schema::service_name(*key, apex);
  if (text == ".") return dns::Name();
  return dns::Name::parse(text);
}

}  // namespace dnsd
