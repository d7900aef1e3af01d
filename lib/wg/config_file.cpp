// The parser of WireGuard's configuration format: `Parser` goes through the lines, knows the
// section that each belongs to, and hands the values to config_values. Two programs read such a
// file: first wg-quick, which takes its own words out of [Interface], then wg, which removes all
// white space before it compares. Pure, on the caller's thread. Opening files, and what is done
// with their peers, is up to the caller.

#include "wg/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/encoding.hpp"
#include "base/read_file.hpp"
#include "wg/config_names.hpp"
#include "wg/config_overlap.hpp"
#include "wg/key_index.hpp"

namespace wg {
namespace {

using base::equals_ignoring_case;

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_config_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_config_space(text.back())) text.remove_suffix(1);
  return text;
}

/// A text without the characters that a program drops. Wiped, because it may hold a key.
class Cleaned {
 public:
  template <typename IsDropped>
  Cleaned(std::string_view text, IsDropped is_dropped) : text_(text) {
    if (std::none_of(text.begin(), text.end(), is_dropped)) return;
    copy_.reserve(text.size());  // no copy is left behind by growing
    std::remove_copy_if(text.begin(), text.end(), std::back_inserter(copy_), is_dropped);
    text_ = copy_;
  }
  Cleaned(const Cleaned&) = delete;
  Cleaned& operator=(const Cleaned&) = delete;
  ~Cleaned() { OPENSSL_cleanse(copy_.data(), copy_.size()); }

  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string copy_;
  std::string_view text_;
};

/// The value in a comment such as `Fixed = yes`, or nothing.
std::optional<std::string_view> parse_comment(std::string_view comment, std::string_view word) {
  const std::size_t equals = comment.find('=');
  if (equals == std::string_view::npos ||
      !equals_ignoring_case(trim(comment.substr(0, equals)), word))
    return std::nullopt;
  return trim(comment.substr(equals + 1));
}

/// What is wrong with a value, or nothing.
using Problem = std::optional<std::string>;

/// Keeps what was parsed. \param parse from config_values
template <auto parse, typename Holder, auto member>
Problem read_value(Holder& holder, std::string_view text) {
  auto value = parse(text);
  if (!value) return value.error();
  holder.*member = *std::move(value);
  return std::nullopt;
}

template <typename Secret>
std::optional<Secret> parse_secret(std::string_view text) {
  auto octets = base::parse_base64(text);
  if (!octets) return std::nullopt;
  Secret secret(*octets);
  OPENSSL_cleanse(octets->data(), octets->size());
  return secret;
}

Problem read_public_key(ConfigPeer& peer, std::string_view text) {
  const auto key = PublicKey::parse(text);
  if (!key)
    return fmt::format("{} is not a public key: 44 characters, as `wg pubkey` prints them",
                       quote_config(text));
  peer.public_key = *key;
  return std::nullopt;
}

Problem read_preshared_key(ConfigPeer& peer, std::string_view text) {
  peer.preshared_key = parse_secret<PresharedKey>(text);
  if (peer.preshared_key) return std::nullopt;
  return "not a preshared key: 44 characters, as `wg genpsk` prints them";
}

Problem read_allowed_ips(ConfigPeer& peer, std::string_view text) {
  const auto more = parse_config_blocks(text);
  if (!more) return more.error();
  peer.allowed_ips.insert(peer.allowed_ips.end(), more->begin(), more->end());
  return std::nullopt;
}

Problem read_private_key(ConfigInterface& interface, std::string_view text) {
  interface.private_key = parse_secret<PrivateKey>(text);
  if (interface.private_key) return std::nullopt;
  return "not a private key: 44 characters, as `wg genkey` prints them";
}

template <typename Holder>
struct Word {
  std::string_view name;
  Problem (*read)(Holder& holder, std::string_view text);
};

constexpr auto peer_words = std::to_array<Word<ConfigPeer>>(
    {{"PublicKey", read_public_key},
     {"PresharedKey", read_preshared_key},
     {"AllowedIPs", read_allowed_ips},
     {"Endpoint", read_value<parse_config_endpoint, ConfigPeer, &ConfigPeer::endpoint>},
     {"PersistentKeepalive",
      read_value<parse_config_keepalive, ConfigPeer, &ConfigPeer::keepalive>}});
constexpr std::size_t public_key_word = 0;
constexpr std::size_t allowed_ips_word = 2;

/// For messages. A line may lack its `=`, or have it at the end of a key: no more than what the
/// longest word needs, and nothing behind a blank.
std::string quote_word(std::string_view word) {
  constexpr std::size_t longest = 20;
  const auto* const blank = std::find_if(word.begin(), word.end(), is_config_space);
  const auto size = static_cast<std::size_t>(blank - word.begin());
  return quote_config(word.substr(0, std::min(size, longest)));
}

/// Those of wg(8).
constexpr auto interface_words = std::to_array<Word<ConfigInterface>>(
    {{"PrivateKey", read_private_key},
     {"ListenPort", read_value<parse_config_port, ConfigInterface, &ConfigInterface::listen_port>},
     {"FwMark", read_value<parse_config_fwmark, ConfigInterface, &ConfigInterface::fwmark>}});

/// Those that wg-quick(8) takes out of [Interface].
constexpr std::array<std::string_view, 9> quick_words = {
    "Address", "DNS", "MTU", "Table", "PreUp", "PostUp", "PreDown", "PostDown", "SaveConfig"};

template <typename Words>
auto find_word(const Words& words, std::string_view name) {
  return std::find_if(words.begin(), words.end(),
                      [&](const auto& word) { return equals_ignoring_case(name, word.name); });
}

bool is_quick_word(std::string_view name) {
  return std::any_of(quick_words.begin(), quick_words.end(),
                     [&](std::string_view word) { return equals_ignoring_case(name, word); });
}

class Parser {
 public:
  ConfigFile parse(std::string_view text) && {
    while (!text.empty()) {
      ++line_;
      read_line(take_part(text, '\n'));
    }
    take_comments_above();
    finish_section();
    settle_peers();
    if (is_outside_) lose_all();
    return std::move(file_);
  }

 private:
  enum class Section : std::uint8_t { none, interface, peer, unknown };
  struct Comment {
    std::string_view text;
    std::size_t line;
  };
  /// What the comments of one section say of its name.
  struct Naming {
    std::optional<NameComment> best;
    std::size_t line = 0;  // of `best`
    std::optional<NameComment> lone;
    std::size_t lone_line = 0;
    bool lone_is_behind = false;  // behind an empty line at the end of the section
    std::size_t comments = 0;     // those that could name a peer
  };

  [[nodiscard]] auto key_at() const {
    return [this](std::uint32_t position) -> const PublicKey& {
      return file_.peers[position].public_key;
    };
  }

  void read_line(std::string_view line) {
    const bool has_comment = line.find('#') != std::string_view::npos;
    const std::string_view content = trim(take_part(line, '#'));
    if (content.empty() && has_comment) {
      read_flag(line);
      if (is_end_comment(line)) return comments_above_.clear();
      comments_above_.push_back({line, line_});  // the next line shows which section they are about
      return;
    }
    if (content.starts_with('[')) {
      start_section(content);
    } else {
      take_comments_above();
      is_paragraph_over_ = content.empty();
      if (!content.empty()) {
        naming_.lone_is_behind = false;
        read_setting(content);
      }
    }
    if (!has_comment) return;
    read_flag(line);
    take_comment({line, line_});
  }

  /// Words of ours, inside the section.
  void read_flag(std::string_view comment) {
    if (section_ != Section::peer) return;
    if (const auto fixed = parse_comment(comment, "fixed"))
      peer_.is_fixed = equals_ignoring_case(*fixed, "yes") || equals_ignoring_case(*fixed, "true");
    if (const auto relay = parse_comment(comment, "relay"))
      peer_.is_relayed =
          !equals_ignoring_case(*relay, "no") && !equals_ignoring_case(*relay, "false");
  }

  void start_section(std::string_view header) {
    const Cleaned cleaned(header, is_config_space);
    // Of `[Interface]` wg-quick removes the white space around it alone.
    quick_interface_ =
        equals_ignoring_case(trim(header.substr(0, header.find('='))), "[Interface]");
    if (equals_ignoring_case(cleaned.text(), "[Peer]")) {
      finish_section();
      section_ = Section::peer;
      peer_.line = line_;
      return take_comments_above();
    }
    take_comments_above();
    finish_section();
    section_ = Section::interface;
    if (equals_ignoring_case(cleaned.text(), "[Interface]")) return;
    section_ = Section::unknown;
    ++file_.lost_unknown;
    add(file_.errors, line_,
        fmt::format("{} is not a section: [Interface] or [Peer], and nothing else on the line; the "
                    "lines below it are left out",
                    quote_config(header.substr(0, header.find(']') + 1))));
  }

  void finish_section() {
    if (section_ == Section::peer) settle_name();
    naming_ = {};
    is_paragraph_over_ = false;
    if (std::exchange(section_, Section::none) == Section::peer) finish_peer();
    peer_ = {};
    has_ = {};
    is_wrong_ = false;
  }

  void finish_peer() {
    const bool has_key = has_[public_key_word];
    if (!has_key && !is_key_wrong_) fail_peer(peer_.line, "it has no PublicKey");
    if (std::exchange(is_key_wrong_, false) || !has_key) {
      ++file_.lost_unknown;
    } else if (is_wrong_) {
      file_.lost_keys.push_back(peer_.public_key);
    } else if (peer_.public_key.is_zero()) {
      add(file_.warnings, peer_.line,
          "this [Peer] is left out: nobody has a private key for a public key of zeros");
    } else if (const auto known = index_.find(peer_.public_key, key_at())) {
      merge_peer(file_.peers[*known]);
    } else {
      file_.peers.push_back(std::move(peer_));
      index_.add(static_cast<std::uint32_t>(file_.peers.size() - 1), key_at());
    }
  }

  /// wg sends each section to the interface, which keeps what a later one does not set, except the
  /// AllowedIPs: each section replaces them.
  void merge_peer(ConfigPeer& known) {
    add(file_.warnings, peer_.line,
        fmt::format(
            "the peer {} has a [Peer] in line {} already: WireGuard takes the AllowedIPs of "
            "this one alone, and of each other setting the last",
            known.public_key.to_short(), known.line));
    known.line = peer_.line;
    known.allowed_ips = std::move(peer_.allowed_ips);
    if (known.name.empty()) known.name = std::move(peer_.name);
    if (peer_.endpoint) known.endpoint = std::move(peer_.endpoint);
    known.is_fixed = known.is_fixed || peer_.is_fixed;
    known.is_relayed = known.is_relayed && peer_.is_relayed;
    if (peer_.preshared_key) known.preshared_key = peer_.preshared_key;
    if (peer_.keepalive) known.keepalive = peer_.keepalive;
  }

  void read_setting(std::string_view content) {
    const std::size_t equals = content.find('=');
    const std::string_view word = trim(content.substr(0, equals));
    if (quick_interface_ && is_quick_word(word))
      return read_quick_setting(word, trim(content.substr(equals + 1)));
    const Cleaned name(word, is_config_space);
    const Cleaned value(equals == std::string_view::npos ? "" : content.substr(equals + 1),
                        is_config_space);
    Problem problem;
    if (equals == std::string_view::npos)
      problem = "not a line of this format: Key = value, [Section] or # comment";
    else if (value.text().empty())
      problem = fmt::format("{} has no value", quote_word(word));
    if (section_ == Section::interface)
      read_interface_setting(name.text(), value.text(), std::move(problem));
    else if (section_ == Section::peer)
      read_peer_setting(name.text(), value.text(), std::move(problem));
    else if (section_ == Section::none)
      fail_outside(equals == std::string_view::npos ? "text" : quote_word(word));
  }

  /// \param value as wg-quick sees it: the word itself in a line without `=`.
  void read_quick_setting(std::string_view word, std::string_view value) {
    if (equals_ignoring_case(word, "SaveConfig") && !equals_ignoring_case(value, "true") &&
        !equals_ignoring_case(value, "false"))
      add(file_.errors, line_,
          fmt::format("SaveConfig {} is neither true nor false", quote_config(value)));
    if (!equals_ignoring_case(word, "Address")) return;
    while (!value.empty()) {
      const std::string_view address = trim(take_part(value, ','));
      if (!address.empty() && !is_interface_address(address))
        add(file_.errors, line_,
            fmt::format("Address {} is left out: ADDRESS/LENGTH, several with commas between",
                        quote_config(address)));
    }
  }

  void read_interface_setting(std::string_view name, std::string_view value, Problem problem) {
    const auto* const known = find_word(interface_words, name);
    const bool is_known = known != interface_words.end();
    if (!problem && is_known) problem = known->read(file_.interface, value);
    if (!problem && is_quick_word(name))
      problem = fmt::format("wg-quick does not know {} when it is written like this", name);
    if (!problem && find_word(peer_words, name) != peer_words.end())
      problem = fmt::format("{} belongs below a line [Peer]", name);
    if (problem) {
      add(file_.errors, line_, std::move(*problem) + "; this line is left out");
    } else if (!is_known) {
      add(file_.warnings, line_,
          fmt::format("{} in [Interface] is left out: wg and wg-quick do not know it",
                      quote_word(name)));
    }
  }

  void read_peer_setting(std::string_view name, std::string_view value, Problem problem) {
    const auto* const known = find_word(peer_words, name);
    const auto word = static_cast<std::size_t>(known - peer_words.begin());
    if (!problem && known == peer_words.end())
      problem = fmt::format(
          "{} is not a key of [Peer]: PublicKey, PresharedKey, AllowedIPs, "
          "Endpoint, PersistentKeepalive",
          quote_word(name));
    if (!problem) problem = known->read(peer_, value);
    if (problem) {
      is_key_wrong_ |= word == public_key_word;
      return fail_peer(line_, std::move(*problem));
    }
    if (std::exchange(has_[word], true) && word != allowed_ips_word)
      add(file_.warnings, line_,
          fmt::format("{} a second time: the last one counts; is the line [Peer] above it missing?",
                      known->name));
  }

  void take_comments_above() {
    for (const Comment& comment : std::exchange(comments_above_, {})) take_comment(comment);
  }

  void take_comment(const Comment& comment) {
    if (section_ != Section::peer || parse_comment(comment.text, "fixed") ||
        parse_comment(comment.text, "relay"))
      return;
    const auto found = read_name_comment(comment.text);
    if (found || comment.text.find_first_not_of("# \t\r") != std::string_view::npos)
      ++naming_.comments;
    if (!found) return;
    if (found->kind == NameComment::Kind::lone) {
      naming_.lone = found;
      naming_.lone_line = comment.line;
      naming_.lone_is_behind = is_paragraph_over_ && has_[public_key_word];
    } else if (!naming_.best || naming_.best->kind < found->kind) {
      set_name(*found, comment.line);
    } else if (naming_.best->kind == found->kind && naming_.best->text != found->text) {
      add(file_.warnings, comment.line,
          fmt::format("the name {} is skipped: this peer is {}", quote_config(found->text),
                      quote_config(naming_.best->text)),
          /*is_about_name=*/true);
    }
  }

  void set_name(const NameComment& comment, std::size_t line) {
    naming_.best = comment;
    naming_.line = line;
    peer_.name = make_name(comment.text);
  }

  void settle_name() {
    if (!naming_.best && naming_.lone && naming_.comments == 1 && !naming_.lone_is_behind)
      set_name(*naming_.lone, naming_.lone_line);
    if (!naming_.best || naming_.best->text == peer_.name) return;
    const std::string said = quote_config(naming_.best->text);
    constexpr std::string_view rule =
        "a name is 1–63 letters, digits and inner hyphens, and does not look like a key";
    add(file_.warnings, naming_.line,
        peer_.name.empty()
            ? fmt::format("the name {} is skipped: {}", said, rule)
            : fmt::format("the name {} becomes {}: {}", said, quote_config(peer_.name), rule),
        /*is_about_name=*/true);
  }

  void fail_peer(std::size_t line, std::string message) {
    is_wrong_ = true;
    const std::string who = has_[public_key_word] && !is_key_wrong_
                                ? " " + describe_peer(peer_.name, peer_.public_key)
                                : std::string();
    add(file_.errors, line,
        fmt::format("{}; the peer{} of the [Peer] in line {} is left out", message, who,
                    peer_.line));
  }

  /// Only the first such line is told: a file of another kind has nothing else.
  void fail_outside(const std::string& what) {
    if (std::exchange(is_outside_, true)) return;
    add(file_.errors, line_,
        fmt::format("{} before the first [Interface] or [Peer]: no peer of this file is read",
                    what));
  }

  void settle_peers() {
    std::erase_if(file_.lost_keys,
                  [&](const PublicKey& key) { return index_.find(key, key_at()).has_value(); });
    for (ConfigError& warning : settle_allowed_ips(file_.peers))
      add(file_.warnings, warning.line, std::move(warning.message));
  }

  void lose_all() {
    for (const ConfigPeer& peer : file_.peers) file_.lost_keys.push_back(peer.public_key);
    ++file_.lost_unknown;
    file_.peers.clear();
    file_.interface = {};
  }

  static void add(std::vector<ConfigError>& list, std::size_t line, std::string message,
                  bool is_about_name = false) {
    if (list.size() < max_config_errors) list.push_back({line, std::move(message), is_about_name});
  }

  std::size_t line_ = 0;
  Section section_ = Section::none;
  bool quick_interface_ = false;               // wg-quick takes this for [Interface]
  bool is_outside_ = false;                    // a line is in no section
  ConfigPeer peer_;                            // the section that is being read
  std::array<bool, peer_words.size()> has_{};  // which words it has
  bool is_wrong_ = false;                      // it has a wrong line,
  bool is_key_wrong_ = false;                  // which is its PublicKey
  Naming naming_;                              // its name
  bool is_paragraph_over_ = false;             // the last line that is no comment was empty
  std::vector<Comment> comments_above_;        // alone on the lines before this one
  KeyIndex index_;                             // of file_.peers
  ConfigFile file_;
};

}  // namespace

ConfigFile parse_config_file(std::string_view text) {
  // wg would stumble over its first line, and say nothing of the reason.
  if (const auto fault = base::find_encoding_fault(text); !fault.empty()) {
    ConfigFile file;
    file.errors.push_back({1, fmt::format("the file {}: no peer of it is read", fault)});
    file.lost_unknown = 1;
    return file;
  }
  const Cleaned cleaned(text, [](char c) { return c == '\0'; });  // so does the shell of wg-quick
  return Parser().parse(cleaned.text());
}

}  // namespace wg
