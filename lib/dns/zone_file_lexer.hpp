#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.hpp"

/// The characters of a master file (RFC 1035 §5.1): comments, quotes, parentheses, escapes. Pure.
namespace dns {

/// One word of an entry. The text is borrowed from the file, with its escapes.
struct ZoneToken {
  enum class Form : std::uint8_t {
    plain,
    quoted,        ///< the text is what stands between the quotes
    quoted_value,  ///< `key="…"`, as a whole and with the quotes (RFC 9460 §2.1)
  };
  std::string_view text;
  Form form = Form::plain;

  [[nodiscard]] bool is_plain() const { return form == Form::plain; }
};

/// One record or directive: a line, or several of them where parentheses hold it together.
struct ZoneEntry {
  std::vector<ZoneToken> tokens;
  std::uint32_t line = 0;     ///< 1-based, of the first token
  bool begins_blank = false;  ///< the line began with a space or a tab: no owner is given
};

struct ZoneLexerError {
  std::uint32_t line = 0;  ///< 1-based; of the quote or the parenthesis that is not closed
  std::string message;
};

/// Cuts a text into entries. The text outlives the lexer and its tokens.
class ZoneLexer {
 public:
  explicit ZoneLexer(std::string_view text) : text_(text) {}

  /// Reads the next entry that has a token. \return false: the text has ended. \error a NUL octet,
  /// a byte order mark, a carriage return alone; a quote or parenthesis that is not closed, not
  /// opened, nested, or inside a word; a backslash with nothing behind it
  [[nodiscard]] base::Expected<bool, ZoneLexerError> next(ZoneEntry& entry);

 private:
  using Failure = std::optional<ZoneLexerError>;
  [[nodiscard]] Failure read_quoted(ZoneEntry& entry);
  [[nodiscard]] Failure read_plain(ZoneEntry& entry);
  /// \return where the quote that opened before `at` closes.
  [[nodiscard]] base::Expected<std::size_t, ZoneLexerError> find_closing(std::size_t at) const;
  [[nodiscard]] Failure check_behind_quote() const;
  [[nodiscard]] ZoneLexerError error(std::string message) const;
  void skip_comment();

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

/// The octets that a text with escapes stands for: `\DDD` one octet, `\X` the character itself.
/// \return nullopt: DDD is no number below 256, or nothing is behind a backslash.
[[nodiscard]] std::optional<std::string> parse_escapes(std::string_view text);

}  // namespace dns
