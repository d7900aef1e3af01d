#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.hpp"

/// The shape of a configuration file, before anybody knows what its words mean: one map of words to
/// a value or a list of values, and `peers`, a list of such maps. Everything else that YAML can do
/// (anchors, tags, several documents, deeper nesting) is refused, so that a hostile file costs no
/// more than its length.
namespace dnsd {

/// Longer files are refused before they are read; a million peers belong into a file of peers.
inline constexpr std::size_t max_yaml_octets = 16U << 20U;

struct YamlValue {
  std::string text;
  std::size_t line = 0;  ///< 1-based
};

/// `word: value` or `word: [value, …]`.
struct YamlSetting {
  std::string word;
  std::size_t line = 0;
  bool is_list = false;
  std::vector<YamlValue> values;  ///< exactly one, unless is_list
};

/// One map: each word once.
struct YamlMap {
  std::size_t line = 0;
  std::vector<YamlSetting> settings;
};

struct YamlFile {
  YamlMap options;
  std::vector<YamlMap> peers;
};

struct YamlError {
  std::size_t line = 0;  ///< 1-based
  std::string message;
};

/// Parses a whole file; an empty one has no options. \error the first thing that is not this shape.
[[nodiscard]] base::Expected<YamlFile, YamlError> parse_yaml_file(std::string_view text);

/// A value as it may stand in such a file: plain where YAML reads it back unchanged, else quoted.
[[nodiscard]] std::string to_yaml_value(std::string_view text);

}  // namespace dnsd
