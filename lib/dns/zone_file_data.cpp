#include "dns/zone_file_data.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "base/encoding.hpp"
#include "dns/ldns.hpp"
#include "dns/zone_file_forms.hpp"
#include "dns/zone_file_svcb.hpp"

namespace dns {
namespace {

/// \return nullptr: ldns does not know the type.
const ldns_rr_descriptor* describe(RrType type) {
  const auto number = static_cast<std::uint16_t>(type);
  const ldns_rr_descriptor* const found = ldns_rr_descript(number);
  return found != nullptr && found->_type == number ? found : nullptr;
}

ldns_rdf_type field_kind(RrType type, const ldns_rr_descriptor& form, std::size_t index) {
  // RFC 1348: a name; ldns has a string there.
  if (type == RrType{LDNS_RR_TYPE_NSAP_PTR}) return LDNS_RDF_TYPE_DNAME;
  return ldns_rr_descriptor_field_type(&form, index);
}

/// Whether the field takes all words that are left.
bool takes_all_words(ldns_rdf_type kind) {
  switch (kind) {
    case LDNS_RDF_TYPE_HEX:
    case LDNS_RDF_TYPE_B64:
    case LDNS_RDF_TYPE_LOC:
    case LDNS_RDF_TYPE_NSAP:
    case LDNS_RDF_TYPE_WKS:
    case LDNS_RDF_TYPE_IPSECKEY:
    case LDNS_RDF_TYPE_HIP:
    case LDNS_RDF_TYPE_NSEC:
    case LDNS_RDF_TYPE_SVCPARAMS:
      return true;
    default:
      return false;
  }
}

DataError parse_number(ZoneToken token, std::uint64_t max, ZoneData& data) {
  const auto number = token.is_plain() ? parse_decimal(token.text, max) : std::nullopt;
  if (!number) return std::string(token.text) + " is no number from 0 to " + std::to_string(max);
  if (max == 0xff) {
    data.push_back(static_cast<std::uint8_t>(*number));
  } else if (max == 0xffff) {
    append_u16(static_cast<std::uint16_t>(*number), data);
  } else {
    append_u32(static_cast<std::uint32_t>(*number), data);
  }
  return std::nullopt;
}

/// A number, or its name in one of ldns's tables.
DataError parse_mnemonic(ZoneToken token, ldns_lookup_table* names, std::uint64_t max,
                         ZoneData& data) {
  if (!token.is_plain() || token.text.empty() || (token.text[0] >= '0' && token.text[0] <= '9'))
    return parse_number(token, max, data);
  for (const ldns_lookup_table* row = names; row->name != nullptr; ++row) {
    if (!base::equals_ignoring_case(std::string_view(row->name), token.text)) continue;
    if (max == 0xff) {
      data.push_back(static_cast<std::uint8_t>(row->id));
    } else {
      append_u16(static_cast<std::uint16_t>(row->id), data);
    }
    return std::nullopt;
  }
  return std::string(token.text) + " is neither a number nor a known name of one";
}

/// \param has_length whether an octet with the length stands before it.
DataError parse_string(ZoneToken token, bool has_length, ZoneData& data) {
  if (token.form == ZoneToken::Form::quoted_value)
    return "a quote stands inside a word; write it as \\\"";
  const auto text = parse_escapes(token.text);
  if (!text) return std::string(token.text) + " has an escape that is not \\DDD, from 0 to 255";
  if (has_length) {
    if (text->size() > 255)
      return "a string has " + std::to_string(text->size()) + " octets; 255 fit, make it several";
    data.push_back(static_cast<std::uint8_t>(text->size()));
  }
  const base::Bytes octets = base::as_bytes(*text);
  data.insert(data.end(), octets.begin(), octets.end());
  return std::nullopt;
}

DataError parse_seconds_field(ZoneToken token, ZoneData& data) {
  const auto seconds = token.is_plain() ? parse_zone_seconds(token.text, 0xffffffff) : std::nullopt;
  if (!seconds) return std::string(token.text) + " is no time; right is 3600, or 1h30m";
  append_u32(*seconds, data);
  return std::nullopt;
}

/// One field of one word.
DataError parse_field(ldns_rdf_type kind, ZoneToken token, NameView origin, ZoneData& data) {
  switch (kind) {
    case LDNS_RDF_TYPE_DNAME:
      return parse_data_name(token, origin, data);
    case LDNS_RDF_TYPE_INT8:
      return parse_number(token, 0xff, data);
    case LDNS_RDF_TYPE_INT16:
      return parse_number(token, 0xffff, data);
    case LDNS_RDF_TYPE_INT32:
      return parse_number(token, 0xffffffff, data);
    case LDNS_RDF_TYPE_PERIOD:
      return parse_seconds_field(token, data);
    case LDNS_RDF_TYPE_A:
      return parse_address(token, AF_INET, data);
    case LDNS_RDF_TYPE_AAAA:
      return parse_address(token, AF_INET6, data);
    case LDNS_RDF_TYPE_STR:
    case LDNS_RDF_TYPE_TAG:
      return parse_string(token, true, data);
    case LDNS_RDF_TYPE_LONG_STR:
      return parse_string(token, false, data);
    case LDNS_RDF_TYPE_ALG:
      return parse_mnemonic(token, ldns_algorithms, 0xff, data);
    case LDNS_RDF_TYPE_CERT_ALG:
      return parse_mnemonic(token, ldns_cert_algorithms, 0xffff, data);
    case LDNS_RDF_TYPE_CERTIFICATE_USAGE:
    case LDNS_RDF_TYPE_SELECTOR:
    case LDNS_RDF_TYPE_MATCHING_TYPE:
      return parse_number(token, 0xff, data);
    case LDNS_RDF_TYPE_APL:
      return parse_apl_item(token, data);
    case LDNS_RDF_TYPE_EUI48:
      return parse_hex_groups(token, 6, 2, '-', data);
    case LDNS_RDF_TYPE_EUI64:
      return parse_hex_groups(token, 8, 2, '-', data);
    case LDNS_RDF_TYPE_ILNP64:
      return parse_hex_groups(token, 4, 4, ':', data);
    default:
      return "its data has no text form here; give it as \\# LENGTH HEX (RFC 3597 §5)";
  }
}

/// A field that takes all words that are left.
DataError parse_rest(ldns_rdf_type kind, ZoneTokens tokens, NameView origin, ZoneData& data) {
  switch (kind) {
    case LDNS_RDF_TYPE_HEX:
      return parse_hex_words(tokens, data);
    case LDNS_RDF_TYPE_B64:
      return parse_base64_words(tokens, data);
    case LDNS_RDF_TYPE_LOC:
      return parse_loc(tokens, data);
    case LDNS_RDF_TYPE_NSAP:
      return parse_nsap(tokens, data);
    case LDNS_RDF_TYPE_WKS:
      return parse_wks(tokens, data);
    case LDNS_RDF_TYPE_IPSECKEY:
      return parse_ipseckey(tokens, origin, data);
    case LDNS_RDF_TYPE_HIP:
      return parse_hip(tokens, origin, data);
    case LDNS_RDF_TYPE_NSEC:
      return parse_type_bitmap(tokens, data);
    default:
      return parse_svcb_parameters(tokens, data);
  }
}

DataError parse_fields(RrType type, const ldns_rr_descriptor& form, ZoneTokens tokens,
                       NameView origin, ZoneData& data) {
  const std::size_t least = ldns_rr_descriptor_minimum(&form);
  const std::size_t most = ldns_rr_descriptor_maximum(&form);
  std::size_t at = 0;
  for (std::size_t field = 0; field < most; ++field) {
    const ldns_rdf_type kind = field_kind(type, form, field);
    const bool is_last = takes_all_words(kind);
    if (at == tokens.size() && (!is_last || field >= least)) {
      if (field >= least) break;
      return "a field is missing";
    }
    if (auto why = is_last ? parse_rest(kind, tokens.subspan(at), origin, data)
                           : parse_field(kind, tokens[at], origin, data))
      return why;
    at = is_last ? tokens.size() : at + 1;
    if (is_last) break;
  }
  if (at < tokens.size()) return std::string(tokens[at].text) + " is one field too many";
  return std::nullopt;
}

/// RFC 3597 §5: `\# LENGTH HEX`. \param tokens behind the mark
DataError parse_octets(ZoneTokens tokens, ZoneData& data) {
  const auto length = tokens.empty() || !tokens[0].is_plain()
                          ? std::nullopt
                          : parse_decimal(tokens[0].text, 0xffff);
  if (!length) return "behind \\# stands a length from 0 to 65535";
  if (tokens.size() > 1) {
    if (auto why = parse_hex_words(tokens.subspan(1), data)) return why;
  }
  if (data.size() != *length)
    return "\\# says " + std::to_string(*length) + " octets, and " + std::to_string(data.size()) +
           " follow";
  return std::nullopt;
}

/// Whether octets that were given as such are the fields of their type, all of them and nothing
/// else.
DataError check_octets(RrType type, const ldns_rr_descriptor& form, base::Bytes data) {
  // ldns takes its name for a string; a PTR is the same.
  if (type == RrType{LDNS_RR_TYPE_NSAP_PTR}) type = RrType{LDNS_RR_TYPE_PTR};
  RrPointer rr;
  const ldns_status status = read_fields(type, data, rr);
  if (status != LDNS_STATUS_OK)
    return "the octets are not of its form: " + std::string(ldns_get_errorstr_by_id(status));
  if (ldns_rr_rd_count(rr.get()) < ldns_rr_descriptor_minimum(&form))
    return "it has more fields than these";
  ZoneData read;
  for (std::size_t i = 0; i < ldns_rr_rd_count(rr.get()); ++i) {
    const base::Bytes field = octets_of(ldns_rr_rdf(rr.get(), i));
    read.insert(read.end(), field.begin(), field.end());
  }
  // A compression pointer would be whole here.
  if (!std::equal(read.begin(), read.end(), data.begin(), data.end()))
    return "it ends after " + std::to_string(read.size()) + " octets; nothing can stand behind it";
  return std::nullopt;
}

/// A digest whose kind is the octet at `kind_at` and that begins behind `before` octets.
DataError check_digest(base::Bytes data, std::size_t before, std::size_t kind_at,
                       std::initializer_list<std::pair<int, std::size_t>> lengths) {
  if (data.size() <= before) return "the digest is missing";
  for (const auto& [kind, length] : lengths) {
    if (data[kind_at] == kind && data.size() - before != length)
      return "a digest of type " + std::to_string(kind) + " has " + std::to_string(length) +
             " octets, not " + std::to_string(data.size() - before);
  }
  return std::nullopt;
}

/// Whether a label begins with $ or is @: a directive or an origin at a wrong place; in a name they
/// are written \$ and \@.
bool has_bare_sign(std::string_view text) {
  for (std::size_t at = text.find_first_of("$@"); at != std::string_view::npos;
       at = text.find_first_of("$@", at + 1)) {
    const bool begins = at == 0 || (text[at - 1] == '.' && (at == 1 || text[at - 2] != '\\'));
    const bool ends = at + 1 == text.size() || text[at + 1] == '.';
    if (begins && (text[at] == '$' || ends)) return true;
  }
  return false;
}

DataError check_caa(base::Bytes data) {
  const base::Bytes tag = data.subspan(2, data[1]);
  const bool is_right = !tag.empty() && std::all_of(tag.begin(), tag.end(), [](std::uint8_t c) {
    const std::uint8_t low = base::to_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9');
  });
  if (!is_right) return "the tag is of letters and digits (RFC 8659 §4.1)";
  return std::nullopt;
}

/// Of the three strings behind two numbers, the last one is a rule for rewriting.
DataError check_naptr(base::Bytes data) {
  data = data.subspan(4);
  for (int string = 0; string < 2; ++string) data = data.subspan(std::size_t{1} + data[0]);
  return check_substitution(base::as_text(data.subspan(1, data[0])));
}

/// What holds for the data in either form. \param data has every field.
DataError check_meaning(RrType type, base::Bytes data) {
  switch (static_cast<std::uint16_t>(type)) {
    case LDNS_RR_TYPE_DS:
      return check_digest(data, 4, 3, {{1, 20}, {2, 32}, {3, 32}, {4, 48}});  // the IANA registry
    case LDNS_RR_TYPE_SSHFP:
      return check_digest(data, 2, 1, {{1, 20}, {2, 32}});  // RFC 4255 §3.1.2, RFC 6594 §4
    case LDNS_RR_TYPE_TLSA:
    case LDNS_RR_TYPE_SMIMEA:
      return check_digest(data, 3, 2, {{1, 32}, {2, 64}});  // RFC 6698 §2.1.3
    case LDNS_RR_TYPE_ZONEMD:
      if (data.size() < 6 + 12) return "the digest has at least 12 octets (RFC 8976 §2.2.4)";
      return check_digest(data, 6, 5, {{1, 48}, {2, 64}});
    case LDNS_RR_TYPE_LOC:
      return check_loc(data);
    case LDNS_RR_TYPE_CAA:
      return check_caa(data);
    case LDNS_RR_TYPE_NAPTR:
      return check_naptr(data);
    case LDNS_RR_TYPE_SVCB:
    case LDNS_RR_TYPE_HTTPS:
      return check_svcb_parameters(
          data.subspan(2 + parse_name_view(data.subspan(2))->wire().size()));
    default:
      return std::nullopt;
  }
}

}  // namespace

DataError parse_zone_data(RrType type, std::span<const ZoneToken> tokens, NameView origin,
                          std::vector<std::uint8_t>& data) {
  const ldns_rr_descriptor* const form = describe(type);
  DataError why;
  if (!tokens.empty() && tokens[0].is_plain() && tokens[0].text == "\\#") {
    why = parse_octets(tokens.subspan(1), data);
    if (!why && form != nullptr) why = check_octets(type, *form, data);
  } else if (form == nullptr) {
    why = "a type without a name has its data as \\# LENGTH HEX (RFC 3597 §5)";
  } else {
    why = parse_fields(type, *form, tokens, origin, data);
  }
  if (!why && data.size() > 0xffff) why = "it is longer than 65535 octets";
  if (!why && form != nullptr) why = check_meaning(type, data);
  return why;
}

std::optional<RrType> parse_zone_type(std::string_view text) {
  if (const auto type = parse_rr_type(text)) return type;
  const std::string name(text);
  if (base::equals_ignoring_case(text.substr(0, 4), std::string_view("TYPE"))) return std::nullopt;
  const ldns_rr_type found = ldns_get_rr_type_by_name(name.c_str());
  return found == 0 ? std::nullopt : std::optional(RrType{static_cast<std::uint16_t>(found)});
}

std::optional<Name> parse_relative_name(std::string_view text, NameView origin) {
  if (text == "@") return Name(origin);
  if (has_bare_sign(text)) return std::nullopt;
  const auto name = Name::parse(text);
  if (!name || text == ".") return name;
  if (text.back() == '.') {
    const std::size_t backslashes = text.size() - 2 - text.find_last_not_of('\\', text.size() - 2);
    if (backslashes % 2 == 0) return name;
  }
  std::array<std::uint8_t, max_name_octets> octets;
  base::ByteWriter writer(octets);
  writer.bytes(name->view().wire().first(name->view().wire().size() - 1));
  writer.bytes(origin.wire());
  if (!writer.ok()) return std::nullopt;
  return Name(*parse_name_view(writer.written()));
}

std::optional<std::uint32_t> parse_zone_seconds(std::string_view text, std::uint32_t max) {
  constexpr auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty()) return std::nullopt;
  std::uint64_t sum = 0;
  bool has_unit = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t first = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    const auto number = parse_decimal(text.substr(first, at - first), max);
    if (!number) return std::nullopt;
    std::uint64_t unit = 1;
    if (at < text.size()) {
      switch (base::to_lower(static_cast<std::uint8_t>(text[at++]))) {
        case 's':
          break;
        case 'm':
          unit = 60;
          break;
        case 'h':
          unit = 3600;
          break;
        case 'd':
          unit = 86400;
          break;
        case 'w':
          unit = 604800;
          break;
        default:
          return std::nullopt;
      }
      has_unit = true;
    } else if (has_unit) {
      return std::nullopt;  // the last number of several has no unit
    }
    sum += *number * unit;
    if (sum > max) return std::nullopt;
  }
  return static_cast<std::uint32_t>(sum);
}

bool is_same_data(RrType type, base::Bytes a, base::Bytes b) {
  if (a.size() != b.size()) return false;
  if (std::equal(a.begin(), a.end(), b.begin())) return true;
  switch (static_cast<std::uint16_t>(type)) {
    case LDNS_RR_TYPE_NS:
    case LDNS_RR_TYPE_MD:
    case LDNS_RR_TYPE_MF:
    case LDNS_RR_TYPE_CNAME:
    case LDNS_RR_TYPE_SOA:
    case LDNS_RR_TYPE_MB:
    case LDNS_RR_TYPE_MG:
    case LDNS_RR_TYPE_MR:
    case LDNS_RR_TYPE_PTR:
    case LDNS_RR_TYPE_MINFO:
    case LDNS_RR_TYPE_MX:
    case LDNS_RR_TYPE_RP:
    case LDNS_RR_TYPE_AFSDB:
    case LDNS_RR_TYPE_RT:
    case LDNS_RR_TYPE_PX:
    case LDNS_RR_TYPE_NAPTR:
    case LDNS_RR_TYPE_KX:
    case LDNS_RR_TYPE_SRV:
      break;
    default:
      return false;
  }
  const ldns_rr_descriptor& form = *describe(type);
  const std::size_t fields = ldns_rr_descriptor_maximum(&form);
  for (std::size_t field = 0; field < fields; ++field) {
    std::size_t length = 0;
    bool in_any_case = false;
    switch (ldns_rr_descriptor_field_type(&form, field)) {
      case LDNS_RDF_TYPE_DNAME: {
        const auto name = parse_name_view(a);
        if (!name) return false;
        length = name->wire().size();
        in_any_case = true;
        break;
      }
      case LDNS_RDF_TYPE_INT16:
        length = 2;
        break;
      case LDNS_RDF_TYPE_STR:
        if (a.empty()) return false;
        length = std::size_t{1} + a[0];
        break;
      default:
        length = 4;
    }
    if (a.size() < length) return false;
    const base::Bytes x = a.first(length);
    const base::Bytes y = b.first(length);
    if (in_any_case ? !base::equals_ignoring_case(x, y)
                    : !std::equal(x.begin(), x.end(), y.begin()))
      return false;
    a = a.subspan(length);
    b = b.subspan(length);
  }
  return true;
}

}  // namespace dns
