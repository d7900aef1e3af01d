#include "dnsd/yaml_file.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <unordered_set>

namespace dnsd {
namespace {

std::size_t line_of(const YAML::Mark& mark) {
  return mark.is_null() ? 1 : static_cast<std::size_t>(mark.line) + 1;
}

/// Ends the parse from within a handler; caught by parse_yaml_file.
using Refused = YamlError;

/// Takes yaml-cpp's events one by one and allows only what the shape has room for: no node tree is
/// built, aliases are never followed, and yaml-cpp cannot descend deeper than four levels.
class ShapeReader final : public YAML::EventHandler {
 public:
  YamlFile file;

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
                    fmt::format("{}: has no value; an empty list is written []", setting().word)};
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
    if (state_ == State::value && map_ == &file.options && setting().word == "peers") {
      state_ = State::peers;
    } else if (state_ == State::value) {
      setting().is_list = true;
      state_ = State::list;
    } else if (state_ == State::start) {
      fail(mark, "a list; the file is a map: lines of `word: value`");
    } else {
      fail(mark, "a list has no place here");
    }
  }
  void OnSequenceEnd() override {
    if (state_ == State::peers) map_->settings.pop_back();  // they are in file.peers
    state_ = State::word;
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    check_plain(mark, tag, anchor);
    if (state_ == State::start) {
      map_ = &file.options;
    } else if (state_ == State::peers) {
      map_ = &file.peers.emplace_back();
      peer_words_.clear();
    } else {
      fail(mark, "a map has no place here");
    }
    map_->line = line_of(mark);
    state_ = State::word;
  }
  void OnMapEnd() override {
    if (map_ == &file.options) {
      state_ = State::end;
      return;
    }
    map_ = &file.options;
    state_ = State::peers;
  }

 private:
  enum class State : std::uint8_t { start, word, value, list, peers, end };

  [[noreturn]] static void fail(const YAML::Mark& mark, const std::string& message) {
    throw Refused{line_of(mark), message};
  }
  static void check_plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) fail(mark, "anchors (&name) are not allowed here");
    if (!tag.empty() && tag != "?" && tag != "!") fail(mark, "tags (!name) are not allowed here");
  }

  YamlSetting& setting() { return map_->settings.back(); }

  void take_scalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                   const std::string& text) {
    check_plain(mark, tag, anchor);
    const std::size_t line = line_of(mark);
    if (text.find('\0') != std::string::npos) fail(mark, "a NUL character has no place here");
    switch (state_) {
      case State::word:
        take_word(mark, text);
        return;
      case State::value:
        if (map_ == &file.options && setting().word == "peers")
          fail(mark, "peers: is a list of maps, each with at least a public-key");
        setting().values.push_back({text, line});
        state_ = State::word;
        return;
      case State::list:
        setting().values.push_back({text, line});
        return;
      case State::peers:
        fail(mark, "a peer is a map with at least a public-key; files of peers go to peers-file");
      case State::start:
      case State::end:
        fail(mark, "the file is a map: lines of `word: value`");
    }
  }
  void take_word(const YAML::Mark& mark, const std::string& word) {
    auto& words = map_ == &file.options ? option_words_ : peer_words_;
    if (!words.insert(word).second) fail(mark, fmt::format("{}: is given twice", word));
    map_->settings.push_back({word, line_of(mark), false, {}});
    state_ = State::value;
  }

  State state_ = State::start;
  bool seen_document_ = false;
  YamlMap* map_ = &file.options;
  std::unordered_set<std::string> option_words_;
  std::unordered_set<std::string> peer_words_;
};

/// yaml-cpp wants a stream; this one reads the text where it is.
class TextBuffer final : public std::streambuf {
 public:
  explicit TextBuffer(std::string& text) {
    setg(text.data(), text.data(), text.data() + text.size());
  }
};

}  // namespace

base::Expected<YamlFile, YamlError> parse_yaml_file(std::string_view text) {
  if (text.size() > max_yaml_octets) {
    return base::Unexpected(YamlError{
        1, fmt::format("the file is longer than {} MiB; many peers belong into a peers-file",
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
    return base::Unexpected(YamlError{line_of(error.mark), error.msg});
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

}  // namespace dnsd
