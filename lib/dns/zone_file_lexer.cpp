#include "dns/zone_file_lexer.hpp"

#include <array>
#include <string>
#include <utility>

#include "base/read_file.hpp"

namespace dns {
namespace {

/// What ends a plain word.
constexpr auto ends_word = [] {
  std::array<bool, 256> table{};
  for (const char c : {' ', '\t', '\r', '\n', '(', ')', ';', '"', '\0'})
    table[static_cast<std::uint8_t>(c)] = true;
  return table;
}();

bool is_end_of_word(char c) {
  return ends_word[static_cast<std::uint8_t>(c)];
}

bool is_escape_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

base::Expected<bool, ZoneLexerError> ZoneLexer::next(ZoneEntry& entry) {
  entry.tokens.clear();
  const std::string_view fault = at_ == 0 ? base::find_encoding_fault(text_) : std::string_view();
  if (!fault.empty()) return base::Unexpected(error(std::string(fault)));
  std::uint32_t opened = 0;  // the line of the parenthesis that is open; 0: none
  bool is_line_start = true;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (is_line_start && opened == 0) entry.begins_blank = c == ' ' || c == '\t';
    is_line_start = false;
    Failure failure;
    switch (c) {
      case ' ':
      case '\t':
        ++at_;
        break;
      case '\r':
        if (at_ + 1 == text_.size() || text_[at_ + 1] != '\n')
          return base::Unexpected(error("a carriage return stands inside the line"));
        ++at_;
        break;
      case '\n':
        ++at_;
        ++line_;
        if (opened == 0 && !entry.tokens.empty()) return true;
        is_line_start = true;
        break;
      case ';':
        skip_comment();
        break;
      case '(':
        if (opened != 0) return base::Unexpected(error("a parenthesis opens inside another one"));
        opened = line_;
        ++at_;
        break;
      case ')':
        if (opened == 0) return base::Unexpected(error("a parenthesis closes that did not open"));
        opened = 0;
        ++at_;
        break;
      case '\0':
        return base::Unexpected(error("a NUL octet; a zone file is text"));
      default:
        if (entry.tokens.empty()) entry.line = line_;
        failure = c == '"' ? read_quoted(entry) : read_plain(entry);
    }
    if (failure) return base::Unexpected(*std::move(failure));
  }
  if (opened != 0) return base::Unexpected(ZoneLexerError{opened, "the parenthesis is not closed"});
  return !entry.tokens.empty();
}

ZoneLexer::Failure ZoneLexer::read_quoted(ZoneEntry& entry) {
  const std::size_t first = at_ + 1;
  const auto closing = find_closing(first);
  if (!closing) return closing.error();
  entry.tokens.push_back({text_.substr(first, *closing - first), ZoneToken::Form::quoted});
  at_ = *closing + 1;
  return check_behind_quote();
}

ZoneLexer::Failure ZoneLexer::read_plain(ZoneEntry& entry) {
  const std::size_t first = at_;
  for (; at_ < text_.size() && !is_end_of_word(text_[at_]); ++at_) {
    if (text_[at_] != '\\') continue;
    ++at_;
    if (at_ == text_.size() || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\0')
      return error("nothing stands behind a backslash");
  }
  const bool is_quote = at_ < text_.size() && text_[at_] == '"';
  if (!is_quote) {
    entry.tokens.push_back({text_.substr(first, at_ - first), ZoneToken::Form::plain});
    return std::nullopt;
  }
  if (text_[at_ - 1] != '=') return error("a quote stands inside a word; write it as \\\"");
  const auto closing = find_closing(at_ + 1);
  if (!closing) return closing.error();
  at_ = *closing + 1;
  entry.tokens.push_back({text_.substr(first, at_ - first), ZoneToken::Form::quoted_value});
  return check_behind_quote();
}

base::Expected<std::size_t, ZoneLexerError> ZoneLexer::find_closing(std::size_t at) const {
  for (; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == '"') return at;
    if (c == '\n') break;
    if (c == '\0') return base::Unexpected(error("a NUL octet; a zone file is text"));
    if (c == '\\' && at + 1 < text_.size() && text_[at + 1] != '\n') ++at;
  }
  return base::Unexpected(error("the quote is not closed at the end of its line"));
}

ZoneLexer::Failure ZoneLexer::check_behind_quote() const {
  if (at_ == text_.size() || (is_end_of_word(text_[at_]) && text_[at_] != '"')) return std::nullopt;
  return error("a word begins right behind a quote; put a space between them");
}

ZoneLexerError ZoneLexer::error(std::string message) const {
  return {line_, std::move(message)};
}

void ZoneLexer::skip_comment() {
  while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\0') ++at_;
}

std::optional<std::string> parse_escapes(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      result += text[at];
      continue;
    }
    if (++at == text.size()) return std::nullopt;
    if (!is_escape_digit(text[at])) {
      result += text[at];
      continue;
    }
    if (text.size() - at < 3 || !is_escape_digit(text[at + 1]) || !is_escape_digit(text[at + 2]))
      return std::nullopt;
    const int value = (text[at] - '0') * 100 + (text[at + 1] - '0') * 10 + (text[at + 2] - '0');
    if (value > 255) return std::nullopt;
    result += static_cast<char>(static_cast<std::uint8_t>(value));
    at += 2;
  }
  return result;
}

}  // namespace dns
