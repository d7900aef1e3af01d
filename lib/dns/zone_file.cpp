#include "dns/zone_file.hpp"

#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/encoding.hpp"
#include "dns/ldns.hpp"

namespace dns {
namespace {

struct RrDeleter {
  void operator()(ldns_rr* rr) const { ldns_rr_free(rr); }
};
struct RdfDeleter {
  void operator()(ldns_rdf* rdf) const { ldns_rdf_deep_free(rdf); }
};
struct FileCloser {
  void operator()(std::FILE* file) const {
    std::fclose(file);
  }  // NOLINT(bugprone-unused-return-value): read only
};
struct Freer {
  void operator()(char* text) const { LDNS_FREE(text); }
};
using RrPointer = std::unique_ptr<ldns_rr, RrDeleter>;
using RdfPointer = std::unique_ptr<ldns_rdf, RdfDeleter>;

RdfPointer to_rdf(NameView name) {
  return RdfPointer(
      ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name.wire().size(), name.wire().data()));
}

/// What ldns says of a line that it rejects, and what would be right where that is not plain.
std::string explain(ldns_status status) {
  if (status == LDNS_STATUS_SYNTAX_INCLUDE_ERR_NOTIMPL || status == LDNS_STATUS_SYNTAX_INCLUDE) {
    return "$INCLUDE is not supported; put the records into this file";
  }
  return ldns_get_errorstr_by_id(status);
}

ZoneRecord to_record(const ldns_rr& rr, NameView owner, std::size_t line) {
  ZoneRecord record{Name(owner),
                    Ttl{ldns_rr_ttl(&rr)},
                    RrType{static_cast<std::uint16_t>(ldns_rr_get_type(&rr))},
                    {},
                    line};
  for (std::size_t i = 0; i < ldns_rr_rd_count(&rr); ++i) {
    const base::Bytes field = octets_of(ldns_rr_rdf(&rr, i));
    record.rdata.insert(record.rdata.end(), field.begin(), field.end());
  }
  return record;
}

/// RFC 3597 §5: `\# N`. \return N, where the data of the record that `text` ends with is given so.
std::optional<std::size_t> given_octets(std::string_view text) {
  // With no blank before it, it belongs to a name.
  const std::size_t blank = text.find_first_of(" \t");
  const std::size_t mark = blank == std::string_view::npos ? blank : text.find("\\#", blank + 1);
  // In a quoted string, or a comment, it is text.
  if (mark == std::string_view::npos ||
      std::string_view(" \t\n(").find(text[mark - 1]) == std::string_view::npos ||
      text.substr(0, mark).find_first_of("\";") != std::string_view::npos)
    return std::nullopt;
  const std::size_t first = text.find_first_not_of(" \t", mark + 2);
  if (first == std::string_view::npos) return std::nullopt;
  std::size_t octets = 0;
  const auto [end, ec] = std::from_chars(text.data() + first, text.data() + text.size(), octets);
  return ec == std::errc() ? std::optional(octets) : std::nullopt;
}

/// What ldns takes in silence where data is given in octets: too few fields, and octets behind the
/// last one. \param text ends with the record. \return what is wrong; nullopt: nothing.
std::optional<std::string> check_octets(const ldns_rr& rr, const ZoneRecord& record,
                                        std::string_view text) {
  const auto given = given_octets(text);
  if (!given) return std::nullopt;
  const ldns_rr_descriptor* const form = ldns_rr_descript(ldns_rr_get_type(&rr));
  if (form != nullptr && ldns_rr_rd_count(&rr) < ldns_rr_descriptor_minimum(form))
    return "the data of " + to_string(record.type) + " has more fields than these";
  if (*given != record.rdata.size())
    return "the data of " + to_string(record.type) + " ends after " +
           std::to_string(record.rdata.size()) + " octets; nothing can stand behind it";
  return std::nullopt;
}

}  // namespace

base::Expected<std::vector<ZoneRecord>, ZoneFileError> parse_zone_file(std::string_view text,
                                                                       const Name& origin,
                                                                       Ttl default_ttl) {
  std::vector<ZoneRecord> records;
  if (text.empty()) return records;
  // ldns reads from a stream only; fmemopen does not write to a buffer that is opened for reading.
  const std::unique_ptr<std::FILE, FileCloser> file(
      fmemopen(const_cast<char*>(text.data()), text.size(), "r"));
  if (!file) return base::Unexpected(ZoneFileError{0, "out of memory"});

  std::uint32_t ttl = default_ttl.seconds;
  ldns_rdf* current_origin = to_rdf(origin).release();  // ldns replaces both as it reads
  ldns_rdf* previous_owner = nullptr;
  int line = 1;
  std::optional<ZoneFileError> error;
  while (!error && std::feof(file.get()) == 0) {
    const auto begin = static_cast<std::size_t>(std::ftell(file.get()));
    ldns_rr* raw = nullptr;
    const ldns_status status =
        ldns_rr_new_frm_fp_l(&raw, file.get(), &ttl, &current_origin, &previous_owner, &line);
    const RrPointer rr(raw);
    if (status == LDNS_STATUS_SYNTAX_EMPTY || status == LDNS_STATUS_SYNTAX_TTL ||
        status == LDNS_STATUS_SYNTAX_ORIGIN) {
      continue;
    }
    // ldns has counted the newline behind the record.
    const std::size_t at = line > 1 ? static_cast<std::size_t>(line) - 1 : 1;
    if (status != LDNS_STATUS_OK) {
      error = ZoneFileError{at, explain(status)};
      break;
    }
    const auto owner = parse_name_view(octets_of(ldns_rr_owner(rr.get())));
    if (!owner) {
      error = ZoneFileError{at, "the owner is not a valid name"};
    } else if (!owner->is_at_or_below(origin)) {
      error = ZoneFileError{at, owner->to_string() + " is outside the zone " + origin.to_string()};
    } else if (ldns_rr_get_class(rr.get()) != LDNS_RR_CLASS_IN) {
      error = ZoneFileError{at, owner->to_string() + ": only class IN is served"};
    } else {
      records.push_back(to_record(*rr, *owner, at));
      const auto end = static_cast<std::size_t>(std::ftell(file.get()));
      if (auto why = check_octets(*rr, records.back(), text.substr(begin, end - begin)))
        error = ZoneFileError{at, owner->to_string() + ": " + *std::move(why)};
    }
  }
  ldns_rdf_deep_free(current_origin);
  if (previous_owner != nullptr) ldns_rdf_deep_free(previous_owner);
  if (error) return base::Unexpected(*std::move(error));
  return records;
}

std::string to_zone_line(NameView owner, Ttl ttl, RrType type, base::Bytes rdata) {
  std::string line =
      owner.to_string() + '\t' + std::to_string(ttl.seconds) + "\tIN\t" + to_string(type) + '\t';
  // Only the data goes through ldns: our own names carry the escapes that every zone parser takes.
  std::vector<std::uint8_t> wire(11 + rdata.size());
  base::ByteWriter writer(wire);
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>(type));
  writer.u16(static_cast<std::uint16_t>(RrClass::in));
  writer.u32(ttl.seconds);
  writer.u16(static_cast<std::uint16_t>(rdata.size()));
  writer.bytes(rdata);
  ldns_rr* raw = nullptr;
  std::size_t position = 0;
  const ldns_status status =
      ldns_wire2rr(&raw, wire.data(), wire.size(), &position, LDNS_SECTION_ANSWER);
  const RrPointer rr(raw);
  if (status != LDNS_STATUS_OK) {
    // RFC 3597 §5: data that is not of its type's form can still be written.
    return line + "\\# " + std::to_string(rdata.size()) + ' ' + base::to_hex(rdata) + '\n';
  }
  for (std::size_t i = 0; i < ldns_rr_rd_count(rr.get()); ++i) {
    const ldns_rdf* field = ldns_rr_rdf(rr.get(), i);
    if (i > 0) line += ' ';
    const auto name = ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME
                          ? parse_name_view(octets_of(field))
                          : std::nullopt;
    if (name) {
      line += name->to_string();
    } else if (const std::unique_ptr<char, Freer> text(ldns_rdf2str(field)); text) {
      line += text.get();
    }
  }
  return line + '\n';
}

}  // namespace dns
