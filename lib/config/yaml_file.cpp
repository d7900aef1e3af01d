#include "config/yaml_file.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <unordered_set>

namespace config {
namespace {

std::size_t line_of(const YAML::Mark& mark) {
  return mark.is_null() ? 1 : static_cast<std::size_t>(mark.line) + 1;
}

/// Ends the parse from within a handler; caught by parse_yaml_file.
using Refused = YamlError;

/// Maps inside of maps: a file, its interfaces, one of them, a peer of it.
constexpr std::size_t max_depth = 4;

/// Takes yaml-cpp's events one by one and allows only what the shape has room for: aliases are
/// never followed, and yaml-cpp cannot descend deeper than the shape does.
class ShapeReader final : public YAML::EventHandler {
 public:
  YamlMap file;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (seen_document_) fail(mark, "a second document begins here; one file holds one");
    seen_document_ = true;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (state_ == State::start) return;  // an empty file, or one with comments alone
    if (state_ == State::value || state_ == State::list) {
      // At the word: yaml-cpp's mark is where the next thing begins.
      throw Refused{setting().line,
                    fmt::format("{}: has no value; an empty list is written [], an empty map {{}}",
                                setting().word)};
    }
    take_scalar(mark, "?", anchor, std::string());
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    fail(mark, "aliases (*name) are not allowed here");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    take_scalar(mark, tag, anchor, value);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    check_plain(mark, tag, anchor);
    if (state_ == State::start) fail(mark, "a list; the file is a map: lines of `word: value`");
    if (state_ != State::value) fail(mark, "a list is not allowed here");
    setting().kind = Kind::list;
    state_ = State::list;
  }
  void OnSequenceEnd() override { state_ = State::word; }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    check_plain(mark, tag, anchor);
    if (state_ == State::start) {
      open_.push_back({&file, {}});
    } else {
      open_.push_back({&add_map(mark), {}});
    }
    open_.back().map->line = line_of(mark);
    state_ = State::word;
  }
  void OnMapEnd() override {
    open_.pop_back();
    state_ = open_.empty() ? State::end : setting().kind == Kind::maps ? State::list : State::word;
  }

 private:
  using Kind = YamlSetting::Kind;
  enum class State : std::uint8_t { start, word, value, list, end };
  struct OpenMap {
    YamlMap* map;  // its own map does not grow while this one is open
    std::unordered_set<std::string> words;
  };

  [[noreturn]] static void fail(const YAML::Mark& mark, const std::string& message) {
    throw Refused{line_of(mark), message};
  }
  static void check_plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) fail(mark, "anchors (&name) are not allowed here");
    if (!tag.empty() && tag != "?" && tag != "!") fail(mark, "tags (!name) are not allowed here");
  }

  YamlSetting& setting() { return open_.back().map->settings.back(); }

  YamlMap& add_map(const YAML::Mark& mark) {
    if ((state_ != State::value && state_ != State::list) || open_.size() == max_depth)
      fail(mark, "a map is not allowed here");
    if (!setting().values.empty()) fail(mark, "a list holds values or maps, not both");
    setting().kind = state_ == State::list ? Kind::maps : Kind::map;
    return setting().maps.emplace_back();
  }

  void take_scalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                   const std::string& text) {
    check_plain(mark, tag, anchor);
    if (text.find('\0') != std::string::npos) fail(mark, "a NUL character is not allowed here");
    switch (state_) {
      case State::word:
        take_word(mark, text);
        return;
      case State::value:
        setting().values.push_back({text, line_of(mark)});
        state_ = State::word;
        return;
      case State::list:
        if (!setting().maps.empty()) fail(mark, "a list holds values or maps, not both");
        setting().values.push_back({text, line_of(mark)});
        return;
      case State::start:
      case State::end:
        fail(mark, "the file is a map: lines of `word: value`");
    }
  }
  void take_word(const YAML::Mark& mark, const std::string& word) {
    if (!open_.back().words.insert(word).second)
      fail(mark, fmt::format("{}: is given twice", word));
    open_.back().map->settings.push_back({word, line_of(mark), Kind::value, {}, {}});
    state_ = State::value;
  }

  State state_ = State::start;
  bool seen_document_ = false;
  std::vector<OpenMap> open_;
};

/// yaml-cpp wants a stream; this one reads the text where it is.
class TextBuffer final : public std::streambuf {
 public:
  explicit TextBuffer(std::string& text) {
    setg(text.data(), text.data(), text.data() + text.size());
  }
};

}  // namespace

base::Expected<YamlMap, YamlError> parse_yaml_file(std::string_view text) {
  if (text.size() > max_yaml_octets) {
    return base::Unexpected(YamlError{
        1, fmt::format("the file is longer than {} MiB; many peers belong in a peers-file",
                       max_yaml_octets >> 20U)});
  }
  std::string copy(text);
  TextBuffer buffer(copy);
  std::istream stream(&buffer);
  ShapeReader reader;
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(reader)) {
    }
  } catch (const Refused& refused) {
    return base::Unexpected(refused);
  } catch (const YAML::Exception& error) {
    const bool is_tab = error.msg == YAML::ErrorMsg::TAB_IN_INDENTATION;
    return base::Unexpected(
        YamlError{line_of(error.mark),
                  is_tab ? "the line is indented with a tab; YAML wants spaces there" : error.msg});
  }
  return std::move(reader.file);
}

std::string to_yaml_value(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("/._+=:-").find(c) != std::string_view::npos;
  };
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), is_plain) &&
                     text.front() != '-' && text.front() != ':' && text.front() != '=' &&
                     text.back() != ':' && text != "..." && text != "null" && text != "Null" &&
                     text != "NULL";
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (octet < 0x20 || octet == 0x7f) {
      quoted += fmt::format("\\x{:02x}", octet);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace config
