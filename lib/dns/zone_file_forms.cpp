// The forms of LOC, NSAP and the like: text to wire, and what their octets must be. The fields that
// most types share, and who calls this, are in zone_file_data.cpp.

#include "dns/zone_file_forms.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <iterator>
#include <map>
#include <utility>

#include "base/encoding.hpp"
#include "dns/ldns.hpp"

namespace dns {
namespace {

void append(base::Bytes octets, ZoneData& data) {
  data.insert(data.end(), octets.begin(), octets.end());
}

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  const std::uint8_t low = base::to_lower(static_cast<std::uint8_t>(c));
  if (low >= 'a' && low <= 'f') return static_cast<std::uint8_t>(low - 'a' + 10);
  return std::nullopt;
}

DataError append_hex(std::string_view digits, ZoneData& data) {
  if (digits.size() % 2 != 0) return "an odd number of hexadecimal digits";
  for (std::size_t at = 0; at < digits.size(); at += 2) {
    const auto high = hex_digit(digits[at]);
    const auto low = hex_digit(digits[at + 1]);
    if (!high || !low) return std::string(digits) + " is not hexadecimal";
    data.push_back(static_cast<std::uint8_t>(*high << 4U | *low));
  }
  return std::nullopt;
}

DataError append_base64(const std::string& text, ZoneData& data) {
  ldns_rdf* raw = nullptr;
  const bool is_read = !text.empty() && text.size() % 4 == 0 &&
                       ldns_str2rdf_b64(&raw, text.c_str()) == LDNS_STATUS_OK;
  const RdfPointer rdf(raw);
  if (!is_read || ldns_rdf_size(raw) == 0) return "its base64 is not whole (RFC 4648 §4)";
  append(octets_of(raw), data);
  return std::nullopt;
}

DataError join_words(ZoneTokens tokens, std::string& text) {
  for (const ZoneToken& token : tokens) {
    if (!token.is_plain()) return "a quoted word stands where none is";
    text += token.text;
  }
  if (text.empty()) return "a field is missing";
  return std::nullopt;
}

// ---- LOC

constexpr std::uint32_t loc_middle = std::uint32_t{1} << 31U;
constexpr std::uint32_t loc_degree = 3'600'000;  // thousandths of a second of arc

/// A decimal with up to `places` digits behind the point, times 10^places. \return nullopt: none
std::optional<std::uint64_t> parse_fixed(std::string_view text, std::size_t places,
                                         std::uint64_t max) {
  const std::size_t point = text.find('.');
  std::string digits(text.substr(0, point));
  std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (digits.empty() || fraction.size() > places) return std::nullopt;
  digits += fraction;
  digits.append(places - fraction.size(), '0');
  return parse_decimal(digits, max);
}

/// `degrees [minutes [seconds]] DIRECTION`. Moves `tokens` behind it.
DataError parse_angle(ZoneTokens& tokens, std::string_view positive, std::string_view negative,
                      std::uint32_t most_degrees, ZoneData& data) {
  std::uint64_t sum = 0;
  for (int part = 0;; ++part) {
    if (tokens.empty()) return "a latitude ends in N or S, a longitude in E or W";
    const ZoneToken token = tokens.front();
    tokens = tokens.subspan(1);
    const bool is_positive = base::equals_ignoring_case(token.text, positive);
    if (is_positive || base::equals_ignoring_case(token.text, negative)) {
      if (part == 0) return "an angle has no degrees";
      if (sum > std::uint64_t{most_degrees} * loc_degree)
        return "an angle is more than " + std::to_string(most_degrees) + " degrees";
      const auto offset = static_cast<std::uint32_t>(sum);
      append_u32(is_positive ? loc_middle + offset : loc_middle - offset, data);
      return std::nullopt;
    }
    const auto number = part == 0   ? parse_decimal(token.text, most_degrees)
                        : part == 1 ? parse_decimal(token.text, 59)
                        : part == 2 ? parse_fixed(token.text, 3, 59'999)
                                    : std::nullopt;
    if (!number || !token.is_plain())
      return std::string(token.text) + " is out of range: degrees up to " +
             std::to_string(most_degrees) + ", minutes up to 59, seconds up to 59.999";
    sum += *number * (part == 0 ? loc_degree : part == 1 ? 60'000U : 1U);
  }
}

/// Metres, with or without `m`. \return centimetres
std::optional<std::uint64_t> parse_metres(ZoneToken token, std::uint64_t max) {
  std::string_view text = token.text;
  if (text.ends_with('m') || text.ends_with('M')) text.remove_suffix(1);
  return token.is_plain() ? parse_fixed(text, 2, max) : std::nullopt;
}

/// RFC 1876 §2: one digit and the power of ten that it is multiplied with.
std::uint8_t to_precision(std::uint64_t centimetres) {
  std::uint8_t power = 0;
  while (centimetres > 9) {
    centimetres /= 10;
    ++power;
  }
  return static_cast<std::uint8_t>(centimetres << 4U | power);
}

}  // namespace

DataError parse_loc(ZoneTokens tokens, ZoneData& data) {
  ZoneData angles;
  if (auto why = parse_angle(tokens, "N", "S", 90, angles)) return why;
  if (auto why = parse_angle(tokens, "E", "W", 180, angles)) return why;
  if (tokens.empty()) return "the altitude is missing";
  // RFC 1876 §3: from 100000.00 m below the spheroid on.
  constexpr std::int64_t base_altitude = 10'000'000;
  ZoneToken altitude = tokens.front();
  const bool is_below = altitude.text.starts_with('-');
  if (is_below || altitude.text.starts_with('+')) altitude.text.remove_prefix(1);
  const auto height =
      parse_metres(altitude, is_below ? base_altitude : 0xffffffff - std::uint64_t{base_altitude});
  if (!height) return "the altitude is from -100000.00m to 42849672.95m";
  tokens = tokens.subspan(1);
  constexpr std::array<std::uint64_t, 3> defaults = {100, 1'000'000, 1000};  // in centimetres
  if (tokens.size() > defaults.size()) return "it has a field too many";
  data.push_back(0);  // the version
  for (std::size_t i = 0; i < defaults.size(); ++i) {
    const auto size = i < tokens.size() ? parse_metres(tokens[i], 9'000'000'000) : defaults[i];
    if (!size) return "sizes and precisions are from 0.00m to 90000000.00m";
    data.push_back(to_precision(*size));
  }
  append(angles, data);
  const auto metres = static_cast<std::int64_t>(*height);
  append_u32(static_cast<std::uint32_t>(base_altitude + (is_below ? -metres : metres)), data);
  return std::nullopt;
}

DataError check_loc(base::Bytes data) {
  base::ByteReader reader(data);
  if (data.size() != 16 || reader.u8() != 0) return "only version 0 is known (RFC 1876 §2)";
  for (int i = 0; i < 3; ++i) {
    const unsigned precision = reader.u8();
    if (precision >> 4U > 9 || (precision & 0xfU) > 9) return "a size is out of range";
  }
  for (const std::uint32_t degrees : {90U, 180U}) {
    const std::uint32_t angle = reader.u32();
    const std::uint32_t offset = angle > loc_middle ? angle - loc_middle : loc_middle - angle;
    if (offset > degrees * loc_degree) return "an angle is out of range";
  }
  return std::nullopt;
}

DataError check_substitution(std::string_view expression) {
  if (expression.empty()) return std::nullopt;
  const char delimiter = expression[0];
  const bool is_delimiter =
      std::string_view("0123456789\\i").find(delimiter) == std::string_view::npos;
  std::array<std::size_t, 2> lengths{};  // of the two parts
  std::size_t part = 0;
  std::size_t at = 1;
  for (; is_delimiter && part < lengths.size() && at < expression.size(); ++at) {
    if (expression[at] == delimiter) {
      ++part;
      continue;
    }
    if (expression[at] == '\\') ++at;
    ++lengths[part];
  }
  if (part < lengths.size() || lengths[0] == 0 ||
      expression.find_first_not_of('i', at) != std::string_view::npos)
    return "the third string is no substitution; right is \"!PATTERN!REPLACEMENT!\" or \"\"";
  return std::nullopt;
}

DataError parse_nsap(ZoneTokens tokens, ZoneData& data) {
  if (tokens.size() != 1 || !tokens[0].is_plain()) return "an address is one word, 0x…";
  std::string_view text = tokens[0].text;
  if (!text.starts_with("0x") && !text.starts_with("0X")) return "an address begins with 0x";
  std::string digits;
  std::copy_if(text.begin() + 2, text.end(), std::back_inserter(digits),
               [](char c) { return c != '.'; });
  if (digits.empty()) return "an address has digits";
  return append_hex(digits, data);
}

DataError parse_wks(ZoneTokens tokens, ZoneData& data) {
  if (tokens.empty()) return "the protocol is missing";
  const std::string_view word = tokens[0].text;
  const auto protocol = base::equals_ignoring_case(word, std::string_view("tcp")) ? 6
                        : base::equals_ignoring_case(word, std::string_view("udp"))
                            ? 17
                            : parse_decimal(word, 0xff);
  if (!protocol) return std::string(word) + " is no protocol; give tcp, udp or its number";
  data.push_back(static_cast<std::uint8_t>(*protocol));
  ZoneData bits;
  for (const ZoneToken& token : tokens.subspan(1)) {
    const auto port = parse_decimal(token.text, 0xffff);
    if (!port) return std::string(token.text) + " is no port; give its number";
    if (bits.size() <= *port / 8) bits.resize(*port / 8 + 1);
    bits[*port / 8] |= static_cast<std::uint8_t>(0x80U >> *port % 8);
  }
  append(bits, data);
  return std::nullopt;
}

DataError parse_apl_item(ZoneToken token, ZoneData& data) {
  const std::string_view text = token.text;
  const std::string form = std::string(text) + " is no prefix; right is [!]1:192.0.2.0/24";
  std::string_view rest = text;
  const bool is_negated = rest.starts_with('!');
  if (is_negated) rest.remove_prefix(1);
  const std::size_t colon = rest.find(':');
  const std::size_t slash = rest.find('/');
  if (!token.is_plain() || colon == std::string_view::npos || slash == std::string_view::npos ||
      slash < colon)
    return form;
  const std::string_view family = rest.substr(0, colon);
  if (family != "1" && family != "2") return form;
  ZoneData address;
  if (parse_address({rest.substr(colon + 1, slash - colon - 1)}, family == "1" ? AF_INET : AF_INET6,
                    address))
    return form;
  const auto length = parse_decimal(rest.substr(slash + 1), address.size() * 8);
  if (!length) return form;
  while (!address.empty() && address.back() == 0) address.pop_back();  // RFC 3123 §4
  append_u16(family == "1" ? 1 : 2, data);
  data.push_back(static_cast<std::uint8_t>(*length));
  data.push_back(static_cast<std::uint8_t>(address.size() | (is_negated ? 0x80U : 0U)));
  append(address, data);
  return std::nullopt;
}

DataError parse_ipseckey(ZoneTokens tokens, NameView origin, ZoneData& data) {
  if (tokens.size() < 4) return "a field is missing";
  constexpr std::uint64_t gateway_types = 3;
  constexpr std::array<std::uint64_t, 3> limits = {0xff, gateway_types, 0xff};
  std::array<std::uint8_t, 3> numbers{};
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const auto number = parse_decimal(tokens[i].text, limits[i]);
    if (!number)
      return std::string(tokens[i].text) + " is no number from 0 to " + std::to_string(limits[i]);
    numbers[i] = static_cast<std::uint8_t>(*number);
  }
  append(numbers, data);
  const ZoneToken gateway = tokens[3];
  DataError why;
  if (numbers[1] == 0) {
    if (gateway.text != ".") why = "no gateway is written as .";
  } else if (numbers[1] == gateway_types) {
    why = parse_data_name(gateway, origin, data);
  } else {
    why = parse_address(gateway, numbers[1] == 1 ? AF_INET : AF_INET6, data);
  }
  if (why) return why;
  if (tokens.size() == 4) {
    if (numbers[2] == 0) return std::nullopt;  // RFC 4025 §2.4: no key
    return "the key is missing";
  }
  return parse_base64_words(tokens.subspan(4), data);
}

DataError parse_hip(ZoneTokens tokens, NameView origin, ZoneData& data) {
  if (tokens.size() < 3) return "a field is missing";
  const auto algorithm = parse_decimal(tokens[0].text, 0xff);
  if (!algorithm) return std::string(tokens[0].text) + " is no number from 0 to 255";
  ZoneData tag;
  ZoneData key;
  if (auto why = parse_hex_words(tokens.subspan(1, 1), tag)) return why;
  if (tag.size() > 0xff) return "the tag is longer than 255 octets";
  if (auto why = parse_base64_words(tokens.subspan(2, 1), key)) return why;
  if (key.size() > 0xffff) return "the key is longer than 65535 octets";
  data.push_back(static_cast<std::uint8_t>(tag.size()));
  data.push_back(static_cast<std::uint8_t>(*algorithm));
  append_u16(static_cast<std::uint16_t>(key.size()), data);
  append(tag, data);
  append(key, data);
  for (const ZoneToken& server : tokens.subspan(3)) {
    if (auto why = parse_data_name(server, origin, data)) return why;
  }
  return std::nullopt;
}

DataError parse_type_bitmap(ZoneTokens tokens, ZoneData& data) {
  std::map<std::uint8_t, ZoneData> windows;
  for (const ZoneToken& token : tokens) {
    const auto type = token.is_plain() ? parse_zone_type(token.text) : std::nullopt;
    if (!type) return std::string(token.text) + " is no type";
    const auto number = static_cast<std::uint16_t>(*type);
    ZoneData& bits = windows[static_cast<std::uint8_t>(number >> 8U)];
    const std::size_t at = (number & 0xffU) / 8;
    if (bits.size() <= at) bits.resize(at + 1);
    bits[at] |= static_cast<std::uint8_t>(0x80U >> (number & 7U));
  }
  for (const auto& [window, bits] : windows) {
    data.push_back(window);
    data.push_back(static_cast<std::uint8_t>(bits.size()));
    append(bits, data);
  }
  return std::nullopt;
}

DataError parse_hex_groups(ZoneToken token, std::size_t groups, std::size_t digits, char separator,
                           ZoneData& data) {
  const std::string_view text = token.text;
  std::string joined;
  for (std::size_t at = 0; at < text.size(); at += digits + 1) {
    joined += text.substr(at, digits);
    if (at + digits < text.size() && text[at + digits] != separator) break;
  }
  if (!token.is_plain() || text.size() != groups * digits + groups - 1 ||
      joined.size() != groups * digits || append_hex(joined, data))
    return std::string(text) + " is not " + std::to_string(groups) + " groups of " +
           std::to_string(digits) + " hexadecimal digits";
  return std::nullopt;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, ec] = std::from_chars(text.data(), end, number);
  if (text.empty() || ec != std::errc() || behind != end || number > max) return std::nullopt;
  return number;
}

DataError parse_hex_words(ZoneTokens tokens, ZoneData& data) {
  std::string text;
  if (auto why = join_words(tokens, text)) return why;
  return append_hex(text, data);
}

DataError parse_base64_words(ZoneTokens tokens, ZoneData& data) {
  std::string text;
  if (auto why = join_words(tokens, text)) return why;
  return append_base64(text, data);
}

DataError parse_address(ZoneToken token, int family, ZoneData& data) {
  std::array<std::uint8_t, 16> octets{};
  const std::string text(token.text);
  if (!token.is_plain() || ::inet_pton(family, text.c_str(), octets.data()) != 1)
    return text + (family == AF_INET ? " is no IPv4 address" : " is no IPv6 address");
  append(base::Bytes(octets).first(family == AF_INET ? 4 : 16), data);
  return std::nullopt;
}

DataError parse_data_name(ZoneToken token, NameView origin, ZoneData& data) {
  if (!token.is_plain()) return "\"" + std::string(token.text) + "\" is quoted; a name is not";
  const auto name = parse_relative_name(token.text, origin);
  if (!name) return std::string(token.text) + " is no name";
  append(name->view().wire(), data);
  return std::nullopt;
}

void append_u16(std::uint16_t number, ZoneData& data) {
  data.push_back(static_cast<std::uint8_t>(number >> 8U));
  data.push_back(static_cast<std::uint8_t>(number & 0xffU));
}

void append_u32(std::uint32_t number, ZoneData& data) {
  append_u16(static_cast<std::uint16_t>(number >> 16U), data);
  append_u16(static_cast<std::uint16_t>(number & 0xffffU), data);
}

}  // namespace dns
