// The parser of WireGuard's configuration format: first the values of a peer's keys, then `Parser`,
// which goes through the lines and knows the section that each belongs to. Pure, on the caller's
// thread. Opening files, and what is done with their peers, is up to the caller.

#include "wg/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "wg/key_index.hpp"

namespace wg {
namespace {

constexpr std::size_t max_label = 63;       // RFC 1035 §2.3.4
constexpr std::size_t max_host_name = 253;  // RFC 1035 §2.3.4: 255 octets in wire form

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes the part before the next `separator` off the front; everything when there is none.
std::string_view take_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

bool equal_in_any_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return base::to_lower(static_cast<std::uint8_t>(x)) ==
           base::to_lower(static_cast<std::uint8_t>(y));
  });
}

/// For messages: short, and without characters that control a terminal.
std::string quote(std::string_view text) {
  constexpr std::size_t max_quoted = 64;
  std::string quoted(text.substr(0, max_quoted));
  for (char& c : quoted)
    if (c < ' ' || c > '~') c = '?';
  return fmt::format("\"{}{}\"", quoted, text.size() > max_quoted ? "…" : "");
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Letters, digits and inner hyphens, 1–63 characters (RFC 952, RFC 1123 §2.1).
bool is_ldh_label(std::string_view text) {
  return !text.empty() && text.size() <= max_label && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

/// A label of the length and the letters of a key in base32 is reserved for keys.
bool looks_like_key(std::string_view label) {
  if (label.size() != base::base32_length && label.size() != base::padded_base32_length)
    return false;
  return std::all_of(label.begin(), label.end(), [](char c) {
    return (c >= '2' && c <= '7') || (is_letter_or_digit(c) && c > '9');
  });
}

/// A name that DNS can hold, with or without the dot at its end. One whose last label is a number
/// is a mistyped address (RFC 3696 §2).
bool is_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > max_host_name) return false;
  std::string_view label;
  while (!text.empty()) {
    const bool has_more = text.find('.') != std::string_view::npos;
    label = take_part(text, '.');
    if (!is_ldh_label(label) || (has_more && text.empty())) return false;
  }
  return !std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The name in the comment `Name = alice`, or nothing.
std::optional<std::string_view> parse_name_comment(std::string_view comment) {
  const std::size_t equals = comment.find('=');
  if (equals == std::string_view::npos ||
      !equal_in_any_case(trim(comment.substr(0, equals)), "name"))
    return std::nullopt;
  return trim(comment.substr(equals + 1));
}

/// What is wrong with a value, or nothing.
using Problem = std::optional<std::string>;

Problem read_public_key(ConfigPeer& peer, std::string_view value) {
  const auto key = PublicKey::parse(value);
  if (!key || key->is_zero())
    return fmt::format("{} is not a public key: 44 characters, as `wg pubkey` prints them",
                       quote(value));
  peer.public_key = *key;
  return std::nullopt;
}

Problem read_preshared_key(ConfigPeer& peer, std::string_view value) {
  auto octets = base::parse_base64(value);
  if (!octets) return "not a preshared key: 44 characters, as `wg genpsk` prints them";
  peer.preshared_key.emplace(*octets);
  OPENSSL_cleanse(octets->data(), octets->size());
  return std::nullopt;
}

Problem read_allowed_ips(ConfigPeer& peer, std::string_view value) {
  while (!value.empty()) {
    const std::string_view item = trim(take_part(value, ','));
    const auto prefix = base::Prefix::parse(item);
    if (!prefix)
      return fmt::format(
          "{} is not an address block: ADDRESS or ADDRESS/LENGTH, with commas between",
          quote(item));
    peer.allowed_ips.push_back(*prefix);
  }
  return std::nullopt;
}

Problem read_endpoint(ConfigPeer& peer, std::string_view value) {
  if (const auto endpoint = base::Endpoint::parse(value)) {
    peer.endpoint = base::Endpoint{endpoint->address.unmapped(), endpoint->port};
    return std::nullopt;
  }
  const std::size_t colon = value.rfind(':');
  const std::string_view host = value.substr(0, colon);
  const auto port =
      colon == std::string_view::npos ? std::nullopt : base::parse_port(value.substr(colon + 1));
  if (!port || !is_host_name(host))
    return fmt::format(
        "{} is not an endpoint: IPV4:PORT, [IPV6]:PORT or NAME:PORT with a port of "
        "1–65535",
        quote(value));
  peer.endpoint = HostEndpoint{std::string(host), *port};
  return std::nullopt;
}

Problem read_keepalive(ConfigPeer& /*peer*/, std::string_view value) {
  std::uint16_t seconds = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (equal_in_any_case(value, "off") || (ec == std::errc() && end == value.data() + value.size()))
    return std::nullopt;
  return fmt::format("{} is not an interval: off, or 0–65535 seconds", quote(value));
}

struct PeerKey {
  std::string_view name;
  Problem (*read)(ConfigPeer& peer, std::string_view value);
  bool may_repeat;
};

constexpr std::array<PeerKey, 5> peer_keys = {{{"PublicKey", read_public_key, false},
                                               {"PresharedKey", read_preshared_key, false},
                                               {"AllowedIPs", read_allowed_ips, true},
                                               {"Endpoint", read_endpoint, false},
                                               {"PersistentKeepalive", read_keepalive, false}}};

/// The keys of wg(8), then those of wg-quick(8).
constexpr std::array<std::string_view, 12> interface_keys = {
    "PrivateKey", "ListenPort", "FwMark", "Address", "DNS",      "MTU",
    "Table",      "PreUp",      "PostUp", "PreDown", "PostDown", "SaveConfig"};

class Parser {
 public:
  base::Expected<ConfigFile, ConfigError> parse(std::string_view text) && {
    while (!text.empty() && !error_) {
      ++line_;
      read_line(take_part(text, '\n'));
    }
    if (!error_) finish_section();
    if (error_) return base::Unexpected(std::move(*error_));
    return std::move(file_);
  }

 private:
  enum class Section : std::uint8_t { none, interface, peer };
  struct NameComment {
    std::string_view name;
    std::size_t line;
  };

  [[nodiscard]] auto key_at() const {
    return [this](std::uint32_t position) -> const PublicKey& {
      return file_.peers[position].public_key;
    };
  }

  void read_line(std::string_view line) {
    const std::string_view content = trim(take_part(line, '#'));
    const auto name = parse_name_comment(line);
    if (content.starts_with('[')) {
      start_section(content);
    } else {
      give_name_above();
      if (!content.empty()) read_key(content);
    }
    if (error_ || !name) return;
    if (content.empty()) {
      name_above_ = NameComment{*name, line_};  // the next line shows which peer it names
    } else {
      set_name({*name, line_});
    }
  }

  void start_section(std::string_view header) {
    const bool is_closed = header.ends_with(']');
    const std::string_view name = is_closed ? trim(header.substr(1, header.size() - 2)) : "";
    if (equal_in_any_case(name, "Peer")) {
      const auto above = std::exchange(name_above_, std::nullopt);
      finish_section();
      section_ = Section::peer;
      peer_.line = line_;
      if (above) set_name(*above);
    } else if (equal_in_any_case(name, "Interface")) {
      finish_section();
      section_ = Section::interface;
    } else {
      fail(line_, fmt::format("{} is not a section: [Interface] or [Peer]", quote(header)));
    }
  }

  void finish_section() {
    give_name_above();
    if (section_ == Section::peer) {
      if (has_[0]) {
        file_.peers.push_back(std::move(peer_));
        index_.add(static_cast<std::uint32_t>(file_.peers.size() - 1), key_at());
      } else {
        fail(peer_.line, "this [Peer] has no PublicKey");
      }
    }
    peer_ = {};
    has_ = {};
    section_ = Section::none;
  }

  void read_key(std::string_view content) {
    const std::size_t equals = content.find('=');
    const std::string_view key = trim(content.substr(0, equals));
    if (equals == std::string_view::npos)
      return fail(line_, "not a line of this format: Key = value, [Section] or # comment");
    const std::string_view value = trim(content.substr(equals + 1));
    if (section_ == Section::peer) {
      read_peer_key(key, value);
    } else if (section_ == Section::none) {
      fail(line_, fmt::format("{} before the first [Interface] or [Peer]", quote(key)));
    } else if (std::none_of(interface_keys.begin(), interface_keys.end(),
                            [&](auto known) { return equal_in_any_case(key, known); })) {
      fail(line_, fmt::format("{} is not a key of [Interface]: {}", quote(key),
                              fmt::join(interface_keys, ", ")));
    }
  }

  void read_peer_key(std::string_view key, std::string_view value) {
    const auto* const known = std::find_if(
        peer_keys.begin(), peer_keys.end(),
        [&](const PeerKey& candidate) { return equal_in_any_case(key, candidate.name); });
    if (known == peer_keys.end())
      return fail(line_,
                  fmt::format("{} is not a key of [Peer]: PublicKey, PresharedKey, AllowedIPs, "
                              "Endpoint, PersistentKeepalive",
                              quote(key)));
    bool& has = has_[static_cast<std::size_t>(known - peer_keys.begin())];
    if (has && !known->may_repeat)
      return fail(line_, fmt::format("{} a second time: is the line [Peer] above it missing?",
                                     known->name));
    has = true;
    if (auto problem = known->read(peer_, value)) return fail(line_, std::move(*problem));
    if (known != peer_keys.begin()) return;
    if (const auto first = index_.find(peer_.public_key, key_at()))
      fail(line_, fmt::format("the peer {} has a [Peer] already, see line {}: each once",
                              peer_.public_key.to_short(), file_.peers[*first].line));
  }

  void give_name_above() {
    if (const auto above = std::exchange(name_above_, std::nullopt)) set_name(*above);
  }

  void set_name(const NameComment& comment) {
    if (section_ != Section::peer || comment.name.empty()) return;
    if (!is_ldh_label(comment.name) || looks_like_key(comment.name)) {
      file_.warnings.push_back(
          {comment.line,
           fmt::format("the name {} is skipped: a name is 1–63 letters, digits and inner "
                       "hyphens, and does not look like a key",
                       quote(comment.name))});
    } else if (!peer_.name.empty()) {
      file_.warnings.push_back({comment.line, fmt::format("the name {} is skipped: this peer is {}",
                                                          quote(comment.name), quote(peer_.name))});
    } else {
      peer_.name = comment.name;
    }
  }

  void fail(std::size_t line, std::string message) {
    error_ = ConfigError{line, std::move(message)};
  }

  std::size_t line_ = 0;
  Section section_ = Section::none;
  ConfigPeer peer_;                           // the section that is being read
  std::array<bool, peer_keys.size()> has_{};  // which keys it has
  std::optional<NameComment> name_above_;     // alone on the line before this one
  KeyIndex index_;                            // of file_.peers
  ConfigFile file_;
  std::optional<ConfigError> error_;
};

}  // namespace

base::Expected<ConfigFile, ConfigError> parse_config_file(std::string_view text) {
  return Parser().parse(text);
}

}  // namespace wg
