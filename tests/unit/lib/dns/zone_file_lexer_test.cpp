#include "dns/zone_file_lexer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

/// The entries, one a line: `LINE[+blank]: word|"quoted"|key="…"`; behind an error `LINE! message`.
std::string cut(std::string_view text) {
  dns::ZoneLexer lexer(text);
  dns::ZoneEntry entry;
  std::string result;
  while (true) {
    const auto more = lexer.next(entry);
    if (!more) return result + std::to_string(more.error().line) + "! " + more.error().message;
    if (!*more) return result;
    result += std::to_string(entry.line) + (entry.begins_blank ? "+:" : ":");
    for (const dns::ZoneToken& token : entry.tokens) {
      const bool is_quoted = token.form == dns::ZoneToken::Form::quoted;
      result += is_quoted ? " \"" + std::string(token.text) + "\"" : " " + std::string(token.text);
    }
    result += '\n';
  }
}

}  // namespace

TEST_CASE("a zone file is cut into entries and words") {
  const struct {
    std::string what;
    std::string text, expected;
  } rows[] = {
      {"nothing", "", ""},
      {"blank lines and comments", "\n \t\n; a ( \" comment\n  ; another", ""},
      {"a record", "www A 192.0.2.1\n", "1: www A 192.0.2.1\n"},
      {"no newline at the end", "www A", "1: www A\n"},
      {"no owner", "a b\n c\n\td\n", "1: a b\n2+: c\n3+: d\n"},
      {"a comment behind words", "a b;c\nd", "1: a b\n2: d\n"},
      {"lines that end as on Windows", "a b\r\n c\r\n", "1: a b\n2+: c\n"},
      {"parentheses", "a (b\n ; comment )\n\n c)d\ne", "1: a b c d\n5: e\n"},
      {"parentheses that hold nothing", "a ( ) b\n", "1: a b\n"},
      {"an entry begins at its first word", "(\n\na )\nb", "3: a\n4: b\n"},
      {"quotes", "a \"b ; ( c\" \"\"\n", "1: a \"b ; ( c\" \"\"\n"},
      {"escapes stay", "a\\ b\\;\\\"c \"d\\\"e\\\\\"", "1: a\\ b\\;\\\"c \"d\\\"e\\\\\"\n"},
      {"a quoted value", "a k=\"b c\" l=m", "1: a k=\"b c\" l=m\n"},
      {"a quote beside parentheses", "a (\"b\")\n", "1: a \"b\"\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(cut(row.text) == row.expected);
  }
}

TEST_CASE("what cannot be cut is told with its line") {
  const struct {
    std::string what;
    std::string text, expected;
  } rows[] = {
      {"a byte order mark",
       "\xef\xbb\xbf"
       "a b\n",
       "1! begins with a byte order mark"},
      {"UTF-16", "\xff\xfe" + std::string("a\0\n\0", 4), "1! is UTF-16; save it as UTF-8"},
      {"a NUL octet", std::string("a b\nc \0\n", 8), "1: a b\n2! a NUL octet"},
      {"a NUL octet in a word", std::string("a\0b\n", 4), "1! a NUL octet"},
      {"a NUL octet in quotes", std::string("a \"\0\"\n", 6), "1! a NUL octet"},
      {"a NUL octet in a comment", std::string("a\n;\0\n", 5), "1: a\n2! a NUL octet"},
      {"a NUL octet behind a backslash", std::string("a \\\0\n", 5), "1! nothing stands behind"},
      {"an open parenthesis", "a\nb (\nc\n", "1: a\n2! the parenthesis is not closed"},
      {"a stray parenthesis", "a )\n", "1! a parenthesis closes"},
      {"a nested parenthesis", "a (\n(b))\n", "2! a parenthesis opens inside"},
      {"an open quote", "a \"b\nc\"\n", "1! the quote is not closed"},
      {"an open quote at the end", "a \"b", "1! the quote is not closed"},
      {"an open quote behind an escape", "a \"b\\", "1! the quote is not closed"},
      {"a newline behind a backslash in quotes", "a \"b\\\n\"", "1! the quote is not closed"},
      {"a quote in a word", "a b\"c\"\n", "1! a quote stands inside a word"},
      {"a word right behind a quote", "a \"b\"c\n", "1! a word begins right behind a quote"},
      {"two quotes in a row", "a \"b\"\"c\"\n", "1! a word begins right behind a quote"},
      {"a word right behind a value", "a k=\"b\"c\n", "1! a word begins right behind a quote"},
      {"an open value", "a k=\"b\n", "1! the quote is not closed"},
      {"a backslash at the end of a line", "a b\\\nc", "1! nothing stands behind a backslash"},
      {"a backslash at the end", "a b\\", "1! nothing stands behind a backslash"},
      {"a carriage return", "a\rb\n", "1! a carriage return"},
      {"a carriage return at the end", "a\r", "1! a carriage return"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const std::string result = cut(row.text);
    CAPTURE(result);
    CHECK(result.starts_with(row.expected));
  }
}

TEST_CASE("escapes: three digits are an octet, anything else is itself") {
  CHECK(dns::parse_escapes("a\\046\\.\\\\\\x") == "a..\\x");
  CHECK(dns::parse_escapes("\\255\\000") == std::string("\xff\0", 2));
  for (const char* text : {"\\256", "\\999", "\\1", "\\12", "\\12x", "\\1x2", "\\"}) {
    CAPTURE(text);
    CHECK_FALSE(dns::parse_escapes(text));
  }
}
