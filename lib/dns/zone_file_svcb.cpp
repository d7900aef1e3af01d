#include "dns/zone_file_svcb.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace dns {
namespace {

// RFC 9460 §14.3.2.
enum class SvcKey : std::uint16_t {
  mandatory = 0,
  alpn = 1,
  no_default_alpn = 2,
  port = 3,
  ipv4hint = 4,
  ech = 5,
  ipv6hint = 6,
  dohpath = 7,
  reserved = 65535,
};

constexpr auto svc_keys = std::to_array<std::pair<std::string_view, SvcKey>>({
    {"mandatory", SvcKey::mandatory},
    {"alpn", SvcKey::alpn},
    {"no-default-alpn", SvcKey::no_default_alpn},
    {"port", SvcKey::port},
    {"ipv4hint", SvcKey::ipv4hint},
    {"ech", SvcKey::ech},
    {"ipv6hint", SvcKey::ipv6hint},
    {"dohpath", SvcKey::dohpath},
});

void append_text(std::string_view text, ZoneData& data) {
  const base::Bytes octets = base::as_bytes(text);
  data.insert(data.end(), octets.begin(), octets.end());
}

std::optional<std::uint16_t> parse_svc_key(std::string_view text) {
  for (const auto& [name, key] : svc_keys) {
    if (name == text) return static_cast<std::uint16_t>(key);
  }
  if (!text.starts_with("key")) return std::nullopt;
  const std::string_view digits = text.substr(3);
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;  // RFC 9460 §2.1
  const auto number = parse_decimal(digits, 65534);
  return number ? std::optional(static_cast<std::uint16_t>(*number)) : std::nullopt;
}

/// A list whose items are separated by commas; a comma or backslash in an item has a backslash
/// before it (RFC 9460 Appendix A.1). \param text without the escapes of the file.
std::optional<std::vector<std::string>> split_list(std::string_view text) {
  std::vector<std::string> items(1);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == ',') {
      items.emplace_back();
    } else if (text[at] == '\\') {
      if (++at == text.size()) return std::nullopt;
      items.back() += text[at];
    } else {
      items.back() += text[at];
    }
  }
  for (const std::string& item : items) {
    if (item.empty()) return std::nullopt;
  }
  return items;
}

DataError parse_svc_items(SvcKey key, std::string_view text, ZoneData& data) {
  const auto items = split_list(text);
  if (!items) return "an item of a list is empty";
  std::set<std::uint16_t> keys;
  for (const std::string& item : *items) {
    if (key == SvcKey::alpn) {
      if (item.size() > 255) return "an item of alpn is longer than 255 octets";
      data.push_back(static_cast<std::uint8_t>(item.size()));
      append_text(item, data);
    } else if (key == SvcKey::mandatory) {
      const auto named = parse_svc_key(item);
      if (!named) return "mandatory names " + item + ", which is no key";
      if (!keys.insert(*named).second) return "mandatory names " + item + " twice";
    } else {
      const int family = key == SvcKey::ipv4hint ? AF_INET : AF_INET6;
      if (auto why = parse_address({item}, family, data)) return why;
    }
  }
  for (const std::uint16_t named : keys) append_u16(named, data);
  return std::nullopt;
}

/// \param has_name the key was written by its name; as keyN its value is in octets.
DataError parse_svc_value(SvcKey key, bool has_name, const std::string& text, ZoneData& data) {
  if (!has_name) {
    append_text(text, data);
    return std::nullopt;
  }
  switch (key) {
    case SvcKey::mandatory:
    case SvcKey::alpn:
    case SvcKey::ipv4hint:
    case SvcKey::ipv6hint:
      return parse_svc_items(key, text, data);
    case SvcKey::port: {
      const auto port = parse_decimal(text, 0xffff);
      if (!port) return "port=" + text + " is no number from 0 to 65535";
      append_u16(static_cast<std::uint16_t>(*port), data);
      return std::nullopt;
    }
    case SvcKey::ech: {
      const ZoneToken word{text};
      return parse_base64_words({&word, 1}, data);
    }
    default:
      append_text(text, data);
      return std::nullopt;
  }
}

struct SvcParameter {
  SvcKey key;
  base::Bytes value;
};

DataError check_alpn(base::Bytes value) {
  base::ByteReader reader(value);
  do {
    if (reader.bytes(reader.u8()).empty()) return "alpn is a list of strings, none of them empty";
  } while (reader.remaining() > 0);
  return std::nullopt;
}

DataError check_mandatory(base::Bytes value, const std::vector<SvcParameter>& all) {
  if (value.empty() || value.size() % 2 != 0) return "mandatory is a list of keys";
  int last = -1;
  base::ByteReader reader(value);
  while (reader.remaining() > 0) {
    const std::uint16_t key = reader.u16();
    if (key == 0) return "mandatory names itself";
    if (key <= last) return "mandatory is not in ascending order";
    last = key;
    if (std::none_of(all.begin(), all.end(),
                     [&](const SvcParameter& one) { return one.key == SvcKey{key}; }))
      return "mandatory names key" + std::to_string(key) + ", which is not given";
  }
  return std::nullopt;
}

DataError check_svc_parameter(const SvcParameter& one, const std::vector<SvcParameter>& all) {
  const std::size_t size = one.value.size();
  switch (one.key) {
    case SvcKey::mandatory:
      return check_mandatory(one.value, all);
    case SvcKey::alpn:
      return check_alpn(one.value);
    case SvcKey::no_default_alpn:
      if (size != 0) return "no-default-alpn has no value";
      if (std::none_of(all.begin(), all.end(),
                       [](const SvcParameter& other) { return other.key == SvcKey::alpn; }))
        return "no-default-alpn needs alpn (RFC 9460 §7.1.1)";
      return std::nullopt;
    case SvcKey::port:
      if (size != 2) return "port is a number from 0 to 65535";
      return std::nullopt;
    case SvcKey::ipv4hint:
      if (size == 0 || size % 4 != 0) return "ipv4hint is a list of IPv4 addresses";
      return std::nullopt;
    case SvcKey::ipv6hint:
      if (size == 0 || size % 16 != 0) return "ipv6hint is a list of IPv6 addresses";
      return std::nullopt;
    case SvcKey::ech:
    case SvcKey::dohpath:
      if (size == 0) return "ech and dohpath have a value";
      return std::nullopt;
    case SvcKey::reserved:
      return "key65535 is reserved";
    default:
      return std::nullopt;
  }
}

}  // namespace

DataError parse_svcb_parameters(ZoneTokens tokens, ZoneData& data) {
  std::map<std::uint16_t, ZoneData> parameters;
  for (const ZoneToken& token : tokens) {
    if (token.form == ZoneToken::Form::quoted)
      return "quotes stand around the value, as in alpn=\"h2,h3\"";
    const std::size_t equals = token.text.find('=');
    const std::string_view word = token.text.substr(0, equals);
    std::string_view raw =
        equals == std::string_view::npos ? std::string_view() : token.text.substr(equals + 1);
    if (token.form == ZoneToken::Form::quoted_value) {
      // The lexer found the quotes behind some equals sign; it is the first one.
      if (!raw.starts_with('"')) return "a quote stands inside a word; write it as \\\"";
      raw = raw.substr(1, raw.size() - 2);
    }
    const auto key = parse_svc_key(word);
    if (!key) return std::string(word) + " is no key of a parameter";
    const auto value = parse_escapes(raw);
    if (!value) return std::string(raw) + " has an escape that is not \\DDD, from 0 to 255";
    const auto [place, is_new] = parameters.try_emplace(*key);
    if (!is_new) return std::string(word) + " is given twice";
    const bool has_name = !word.starts_with("key");
    if (auto why = parse_svc_value(SvcKey{*key}, has_name, *value, place->second))
      return std::string(word) + ": " + *why;
  }
  for (const auto& [key, value] : parameters) {
    if (value.size() > 0xffff) return "a value is longer than 65535 octets";
    append_u16(key, data);
    append_u16(static_cast<std::uint16_t>(value.size()), data);
    data.insert(data.end(), value.begin(), value.end());
  }
  return std::nullopt;
}

DataError check_svcb_parameters(base::Bytes parameters) {
  std::vector<SvcParameter> all;
  base::ByteReader reader(parameters);
  int last = -1;
  while (reader.remaining() > 0) {
    const std::uint16_t key = reader.u16();
    const base::Bytes value = reader.bytes(reader.u16());
    if (!reader.ok()) return "a parameter is cut short";
    if (key <= last) return "the parameters are not in ascending order";
    last = key;
    all.push_back({SvcKey{key}, value});
  }
  for (const SvcParameter& one : all) {
    if (auto why = check_svc_parameter(one, all)) return why;
  }
  return std::nullopt;
}

}  // namespace dns
