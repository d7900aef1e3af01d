// The entries of a zone file: directives, and records from owner to data. Characters are read in
// zone_file_lexer.cpp, the data of a record in zone_file_data.cpp; writing is in zone_line.cpp.

#include "dns/zone_file.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "base/encoding.hpp"
#include "base/read_file.hpp"
#include "dns/ldns.hpp"
#include "dns/zone_file_data.hpp"
#include "dns/zone_file_lexer.hpp"

namespace dns {
namespace {

using Tokens = std::span<const ZoneToken>;
using Problem = std::optional<ZoneFileError>;

constexpr std::uint32_t max_ttl = 0x7fffffff;  // RFC 2181 §8

bool is_word(const ZoneToken& token, std::string_view word) {
  return token.is_plain() && base::equals_ignoring_case(token.text, word);
}

/// A class that is not IN, by name or by number (RFC 3597 §5).
bool is_other_class(std::string_view text) {
  constexpr std::string_view generic = "CLASS";
  for (const std::string_view word : {"CH", "CHAOS", "HS", "HESIOD", "CS", "NONE"}) {
    if (base::equals_ignoring_case(text, word)) return true;
  }
  return text.size() > generic.size() &&
         base::equals_ignoring_case(text.substr(0, generic.size()), generic);
}

/// Why no zone file holds records of this type; nullopt: it can.
std::optional<std::string> check_type(RrType type) {
  const auto number = static_cast<std::uint16_t>(type);
  switch (number) {
    case LDNS_RR_TYPE_SIG:
    case LDNS_RR_TYPE_NXT:
    case LDNS_RR_TYPE_RRSIG:
    case LDNS_RR_TYPE_NSEC:
    case LDNS_RR_TYPE_DNSKEY:
    case LDNS_RR_TYPE_NSEC3:
    case LDNS_RR_TYPE_NSEC3PARAM:
    case LDNS_RR_TYPE_CDS:
    case LDNS_RR_TYPE_CDNSKEY:
      return "the file is signed; give the unsigned one, answers are not signed";
    default:
      break;
  }
  // RFC 6895 §3.1: 0 is reserved, 41 is OPT, 128 to 255 are for questions.
  if (number == 0 || type == RrType::opt || (number >= 128 && number <= 255))
    return "is no type of records";
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(const Name& zone) : zone_(zone) {}

  [[nodiscard]] Problem read_file(const std::string& path) {
    std::error_code ec;
    const auto whole = std::filesystem::canonical(path, ec);
    if (ec) return ZoneFileError{path, 0, base::explain_read_error(ec)};
    // The zone file may be a link to another folder; what it includes is where the link is.
    const auto absolute = std::filesystem::absolute(path, ec);
    if (!ec) folder_ = std::filesystem::canonical(absolute.parent_path(), ec);
    if (ec) return ZoneFileError{path, 0, ec.message()};
    const auto text = base::read_file(whole);
    if (!text) return ZoneFileError{path, 0, base::explain_read_error(text.error())};
    open_.push_back({path, whole});
    return read_text(*text, path, zone_);
  }

  [[nodiscard]] Problem read_text(std::string_view text, std::string file, const Name& origin) {
    result_.files.push_back(std::move(file));
    const auto index = static_cast<std::uint32_t>(result_.files.size() - 1);
    Scope scope{index, origin, {}};
    std::swap(scope, scope_);
    ZoneLexer lexer(text);
    ZoneEntry entry;
    Problem problem;
    while (!problem) {
      const auto more = lexer.next(entry);
      if (!more) {
        problem = ZoneFileError{result_.files[index], more.error().line, more.error().message};
        break;
      }
      if (!*more) break;
      if (auto why = read_entry(entry))
        problem = ZoneFileError{result_.files[index], entry.line, *std::move(why)};
      else if (included_problem_)
        problem = std::exchange(included_problem_, {});
    }
    std::swap(scope, scope_);
    return problem;
  }

  /// Call once, after everything was read.
  [[nodiscard]] ZoneFile finish() {
    if (!without_ttl_.empty()) {
      const Ttl ttl = minimum();
      for (const std::size_t index : without_ttl_) result_.records[index].ttl = ttl;
    }
    return std::move(result_);
  }

 private:
  /// What belongs to the file that is read, and comes back after an $INCLUDE (RFC 1035 §5.1).
  struct Scope {
    std::uint32_t file = 0;
    Name origin;
    std::optional<Name> owner;  ///< of the last record
  };
  struct OpenFile {
    std::string path;             ///< as it was given
    std::filesystem::path whole;  ///< links followed
  };
  /// What is wrong with an entry; nullopt: nothing.
  using Why = std::optional<std::string>;

  [[nodiscard]] Why read_entry(const ZoneEntry& entry) {
    const ZoneToken& first = entry.tokens.front();
    if (first.is_plain() && first.text.starts_with('$')) {
      if (entry.begins_blank)
        return std::string(first.text) + " stands behind a space; a directive begins its line";
      return read_directive(first.text, Tokens(entry.tokens).subspan(1));
    }
    return read_record(entry);
  }

  // ---- directives

  [[nodiscard]] Why read_directive(std::string_view word, Tokens words) {
    if (base::equals_ignoring_case(word, std::string_view("$TTL"))) return set_ttl(words);
    if (base::equals_ignoring_case(word, std::string_view("$ORIGIN"))) return set_origin(words);
    if (base::equals_ignoring_case(word, std::string_view("$INCLUDE"))) return include(words);
    if (base::equals_ignoring_case(word, std::string_view("$GENERATE")))
      return "$GENERATE is not supported; write the records out";
    return std::string(word) + " is no directive; there are $TTL, $ORIGIN and $INCLUDE";
  }

  [[nodiscard]] Why set_ttl(Tokens words) {  // RFC 2308 §4
    const auto ttl = words.size() == 1 && words[0].is_plain()
                         ? parse_zone_seconds(words[0].text, max_ttl)
                         : std::nullopt;
    if (!ttl) return "behind $TTL stands one time from 0 to 2147483647 seconds, as 3600 or 1h";
    default_ttl_ = *ttl;
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Name> parse_origin(ZoneToken word) const {
    return word.is_plain() ? parse_relative_name(word.text, scope_.origin) : std::nullopt;
  }

  [[nodiscard]] Why set_origin(Tokens words) {
    const auto origin = words.size() == 1 ? parse_origin(words[0]) : std::nullopt;
    if (!origin) return "behind $ORIGIN stands one name";
    scope_.origin = *origin;
    return std::nullopt;
  }

  [[nodiscard]] Why include(Tokens words) {
    if (open_.empty()) return "$INCLUDE is for files; this text is none";
    if (words.empty() || words.size() > 2)
      return "behind $INCLUDE stand a file, and perhaps an origin";
    const auto file = parse_escapes(words[0].text);
    if (!file || file->empty() || words[0].form == ZoneToken::Form::quoted_value)
      return std::string(words[0].text) + " is no file";
    Name origin = scope_.origin;
    if (words.size() == 2) {
      const auto named = parse_origin(words[1]);
      if (!named) return std::string(words[1].text) + " is no name for an origin";
      origin = *named;
    }
    if (auto why = open_included(*file)) return why;
    const auto text = base::read_file(open_.back().whole);
    if (!text) {
      open_.pop_back();
      return *file + ' ' + base::explain_read_error(text.error());
    }
    included_problem_ = read_text(*text, open_.back().path, origin);
    open_.pop_back();
    return std::nullopt;
  }

  /// Puts the file behind the open ones.
  [[nodiscard]] Why open_included(const std::string& file) {
    if (open_.size() > max_include_depth)
      return "$INCLUDE goes " + std::to_string(open_.size()) + " files deep; " +
             std::to_string(max_include_depth) + " are allowed";
    if (result_.files.size() > max_included_files)
      return "more than " + std::to_string(max_included_files) + " files are included";
    const std::string path =
        (std::filesystem::path(open_.back().path).parent_path() / file).string();
    std::error_code ec;
    const auto whole = std::filesystem::canonical(path, ec);
    if (ec) return path + ' ' + base::explain_read_error(ec);
    if (std::mismatch(folder_.begin(), folder_.end(), whole.begin(), whole.end()).first !=
        folder_.end())
      return path + " is outside " + folder_.string() + ", the folder of the zone file";
    const auto found = std::find_if(open_.begin(), open_.end(),
                                    [&](const OpenFile& one) { return one.whole == whole; });
    if (found != open_.end()) {
      std::string loop;
      for (auto at = found; at != open_.end(); ++at) loop += at->path + ", which includes ";
      return "the file includes itself: " + loop + path;
    }
    open_.push_back({path, whole});
    return std::nullopt;
  }

  // ---- records

  [[nodiscard]] Why read_record(const ZoneEntry& entry) {
    Tokens tokens(entry.tokens);
    if (!entry.begins_blank) {
      if (tokens[0].form == ZoneToken::Form::quoted_value)
        return std::string(tokens[0].text) + " is no name";
      const auto owner = parse_relative_name(tokens[0].text, scope_.origin);
      if (!owner) return std::string(tokens[0].text) + " is no name";
      scope_.owner = *owner;
      tokens = tokens.subspan(1);
    }
    if (!scope_.owner)
      return "the line begins with a space, but no record stands before it whose name it could "
             "continue";
    std::optional<std::uint32_t> ttl;
    if (auto why = read_class_and_ttl(tokens, ttl)) return why;
    if (tokens.empty()) return name() + ": a type is missing";
    const std::string word(tokens[0].text);
    const auto type = tokens[0].is_plain() ? parse_zone_type(word) : std::nullopt;
    if (!type) return name() + ": " + word + " is no type";
    if (auto why = check_type(*type)) return name() + ' ' + word + ": " + *why;

    ZoneRecord record{*scope_.owner, {}, *type, {}, {scope_.file, entry.line}};
    if (auto why = parse_zone_data(*type, tokens.subspan(1), scope_.origin, record.rdata))
      return name() + ' ' + word + ": " + *why;
    if (ttl) last_ttl_ = ttl;
    if (!scope_.owner->view().is_at_or_below(zone_)) {
      result_.warnings.push_back({record.place, name() + ' ' + word + ": is outside the zone " +
                                                    zone_.to_string() + "; it is skipped"});
      return std::nullopt;
    }
    set_record_ttl(record, ttl);
    result_.records.push_back(std::move(record));
    return std::nullopt;
  }

  /// Class and TTL stand in either order (RFC 1035 §5.1). Moves `tokens` behind them.
  [[nodiscard]] Why read_class_and_ttl(Tokens& tokens, std::optional<std::uint32_t>& ttl) {
    bool has_class = false;
    for (; !tokens.empty() && tokens[0].is_plain(); tokens = tokens.subspan(1)) {
      const std::string_view text = tokens[0].text;
      if (!has_class && (is_word(tokens[0], "IN") || is_word(tokens[0], "CLASS1"))) {
        has_class = true;
      } else if (!ttl && text[0] >= '0' && text[0] <= '9') {
        ttl = parse_zone_seconds(text, max_ttl);
        if (!ttl)
          return name() + ": " + std::string(text) +
                 " is no TTL; right is 0 to 2147483647 seconds, as 3600 or 1h";
      } else if (!has_class && is_other_class(text)) {
        return name() + ": only class IN is served";
      } else {
        break;
      }
    }
    return std::nullopt;
  }

  void set_record_ttl(ZoneRecord& record, std::optional<std::uint32_t> ttl) {
    if (!ttl && !default_ttl_ && !std::exchange(told_ttl_, true))
      result_.warnings.push_back(
          {record.place,
           "no TTL is given, and no $TTL before: it is the last one that was given, else the "
           "MINIMUM of the SOA"});
    if (!ttl) ttl = default_ttl_ ? default_ttl_ : last_ttl_;
    if (ttl) {
      record.ttl = Ttl{*ttl};
    } else {
      without_ttl_.push_back(result_.records.size());
    }
  }

  /// Of the zone's SOA.
  [[nodiscard]] Ttl minimum() const {
    for (const ZoneRecord& record : result_.records) {
      if (record.type != RrType::soa || record.owner != zone_) continue;
      return Ttl{std::min(base::ByteReader(base::Bytes(record.rdata).last(4)).u32(), max_ttl)};
    }
    return {};
  }

  [[nodiscard]] std::string name() const { return scope_.owner->to_string(); }

  const Name& zone_;
  ZoneFile result_;
  Scope scope_;
  std::filesystem::path folder_;  ///< of the zone file, links followed
  std::vector<OpenFile> open_;    ///< the including files, the innermost last; none for a text
  Problem included_problem_;      ///< of the file that was included last
  std::optional<std::uint32_t> default_ttl_;  ///< of $TTL
  std::optional<std::uint32_t> last_ttl_;     ///< of the last record that had one
  std::vector<std::size_t> without_ttl_;      ///< records that wait for the SOA
  bool told_ttl_ = false;
};

}  // namespace

std::string ZoneFileError::to_string() const {
  std::string text = file;
  if (line != 0) text += (text.empty() ? "line " : ":") + std::to_string(line);
  return text.empty() ? message : text + ": " + message;
}

base::Expected<ZoneFile, ZoneFileError> read_zone_file(const std::string& path,
                                                       const Name& origin) {
  Reader reader(origin);
  if (auto problem = reader.read_file(path)) return base::Unexpected(*std::move(problem));
  return reader.finish();
}

base::Expected<ZoneFile, ZoneFileError> parse_zone_text(std::string_view text, const Name& origin,
                                                        std::string file) {
  Reader reader(origin);
  if (auto problem = reader.read_text(text, std::move(file), origin))
    return base::Unexpected(*std::move(problem));
  return reader.finish();
}

}  // namespace dns
