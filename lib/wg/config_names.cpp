// How generators of WireGuard's files and exporters of its counters name peers in comments. Each
// form was read in the files or the templates of one of them; tests/forms/generators holds a file
// of each. What is a comment, and which section it belongs to, is up to config_file.

#include "wg/config_names.hpp"

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "wg/config_values.hpp"

namespace wg {
namespace {

using base::equals_ignoring_case;
using Kind = NameComment::Kind;

constexpr std::size_t max_label = 63;  // RFC 1035 §2.3.4

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_letter_or_digit(char c) {
  return is_letter(c) || (c >= '0' && c <= '9');
}

/// White space and the hashes that frame a line.
std::string_view strip(std::string_view text) {
  const auto is_frame = [](char c) { return is_config_space(c) || c == '#'; };
  while (!text.empty() && is_frame(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_frame(text.back())) text.remove_suffix(1);
  return text;
}

bool is_one_of(std::string_view word, const auto& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view one) { return equals_ignoring_case(word, one); });
}

/// Words before `=` or `:`.
constexpr std::array<std::string_view, 8> name_words = {
    "name",         "friendly_name", "friendly name", "friendlyname",
    "display name", "peer_name",     "peer name",     "client name"};
constexpr std::array<std::string_view, 8> marker_words = {
    "client", "peer", "user", "username", "device", "host", "hostname", "description"};
/// Single words that head a list, or say what a section is, and name nobody.
constexpr std::array<std::string_view, 17> common_words = {"peer",
                                                           "peers",
                                                           "client",
                                                           "clients",
                                                           "user",
                                                           "users",
                                                           "wireguard",
                                                           "enabled",
                                                           "disable",
                                                           "disabled",
                                                           "todo",
                                                           "interface",
                                                           "publickey",
                                                           "endpoint",
                                                           "allowedips",
                                                           "presharedkey",
                                                           "persistentkeepalive"};

/// Takes the first word off the front.
std::string_view take_word(std::string_view& text) {
  const auto* const end = std::find_if(text.begin(), text.end(), is_config_space);
  const std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text = strip(text.substr(word.size()));
  return word;
}

bool is_one_word(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), is_config_space);
}

/// A value without what generators write behind a name: `bob (id)`, `bob / Updated: …`, quotes.
std::string_view trim_value(std::string_view value) {
  value = strip(value.substr(0, value.find(" / ")));
  if (value.ends_with(')') && value.rfind(" (") != std::string_view::npos)
    value = strip(value.substr(0, value.rfind(" (")));
  if (value.size() >= 2 && value.front() == value.back() &&
      (value.front() == '"' || value.front() == '\''))
    value = value.substr(1, value.size() - 2);
  return value;
}

/// `Name = bob`, `Name: bob`, `Name# = bob`, `Client: bob (0b1c)`.
std::optional<NameComment> read_pair(std::string_view text) {
  const std::size_t separator = text.find_first_of("=:");
  if (separator == std::string_view::npos) return std::nullopt;
  std::string_view word = strip(text.substr(0, separator));
  if (word.starts_with('+')) word.remove_prefix(1);  // wg-meta
  const bool is_name = is_one_of(word, name_words);
  if (!is_name && !is_one_of(word, marker_words)) return std::nullopt;
  const std::string_view value = trim_value(text.substr(separator + 1));
  if (value.empty()) return std::nullopt;
  return NameComment{is_name ? Kind::name : Kind::marker, value};
}

/// `10: bob > wgclient_bob.conf` (easy-wg-quick), `bob / bob@example.org / Updated: … / Created: …`
/// (wg-gen-web).
std::optional<NameComment> read_line_of_fields(std::string_view text) {
  std::string_view name;
  const std::size_t colon = text.find(':');
  const std::size_t arrow = text.find(" > ");
  if (colon != std::string_view::npos && colon > 0 && arrow != std::string_view::npos &&
      arrow > colon && text.find_first_not_of("0123456789") == colon)
    name = strip(text.substr(colon + 1, arrow - colon - 1));
  else if (text.find(" / Updated: ") != std::string_view::npos)
    name = strip(text.substr(0, text.find(" / ")));
  if (name.empty()) return std::nullopt;
  return NameComment{Kind::marker, name};
}

/// `begin bob` (pivpn), `BEGIN_PEER bob` (Nyr), `Client bob` (angristan), `bob start`.
/// \param is_framed the line has more than one hash: no prose has
std::optional<NameComment> read_marker(std::string_view text, bool is_framed) {
  std::string_view rest = text;
  const std::string_view first = take_word(rest);
  if (rest.empty()) return std::nullopt;
  if (is_one_word(rest) && equals_ignoring_case(rest, "start"))
    return NameComment{Kind::marker, first};
  constexpr std::array<std::string_view, 2> begins = {"begin", "begin_peer"};
  if (!is_one_of(first, begins) && !is_one_of(first, marker_words)) return std::nullopt;
  if (!is_framed && !is_one_word(rest)) return std::nullopt;
  return NameComment{Kind::marker, rest};
}

/// A word of the characters that names are made of, with a letter: no address, no date, no setting
/// that was commented out.
bool is_lone_name(std::string_view text) {
  const auto is_part = [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.' || (c & '\x80') != 0;
  };
  const auto is_letter_of_any = [](char c) { return is_letter(c) || (c & '\x80') != 0; };
  return std::all_of(text.begin(), text.end(), is_part) &&
         std::any_of(text.begin(), text.end(), is_letter_of_any) && !is_one_of(text, common_words);
}

/// A label of the length and the letters of a key in base32 is reserved for keys.
bool looks_like_key(std::string_view label) {
  return (label.size() == base::base32_length || label.size() == base::padded_base32_length) &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return is_letter(c) || (c >= '2' && c <= '7'); });
}

/// Labels with dots between, and a letter: no address.
bool is_dotted_host(std::string_view text) {
  const auto is_part = [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.';
  };
  return text.find('.') != std::string_view::npos && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), is_part) &&
         std::any_of(text.begin(), text.end(), is_letter);
}

}  // namespace

std::optional<NameComment> read_name_comment(std::string_view comment) {
  const bool is_framed = comment.starts_with('#');
  std::string_view text = strip(comment);
  constexpr std::string_view wg_portal = "-WGP-";
  if (text.starts_with(wg_portal)) text = strip(text.substr(wg_portal.size()));
  if (text.empty() || is_end_comment(comment)) return std::nullopt;
  if (const auto found = read_pair(text)) return found;
  if (const auto found = read_line_of_fields(text)) return found;
  if (const auto found = read_marker(text, is_framed)) return found;
  if (!is_one_word(text) || !is_lone_name(text)) return std::nullopt;
  return NameComment{Kind::lone, text};
}

bool is_end_comment(std::string_view comment) {
  std::string_view rest = strip(comment);
  const std::string_view first = take_word(rest);
  if (rest.empty()) return false;
  constexpr std::array<std::string_view, 2> ends = {"end", "end_peer"};
  return is_one_of(first, ends) || equals_ignoring_case(rest, "end");
}

std::string make_name(std::string_view text) {
  if (is_dotted_host(text)) text = text.substr(0, text.find('.'));
  std::string name;
  for (const char c : text) {
    if (is_letter_or_digit(c))
      name += c;
    else if (!name.empty() && name.back() != '-')
      name += '-';
    if (name.size() == max_label) break;
  }
  while (name.ends_with('-')) name.pop_back();
  return looks_like_key(name) ? std::string() : name;
}

}  // namespace wg
