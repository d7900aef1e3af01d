#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.hpp"

/// The shape of a configuration file, whatever its words mean: a map of words to values, lists of
/// values, maps, and lists of maps, at most four maps deep. Everything else that YAML can do
/// (anchors, tags, several documents, deeper nesting) is refused, so that a hostile file costs no
/// more than its length.
namespace config {

/// Longer files are refused before they are read; a million peers belong in a file of peers.
inline constexpr std::size_t max_yaml_octets = 16U << 20U;

struct YamlValue {
  std::string text;
  std::size_t line = 0;  ///< 1-based
};

struct YamlSetting;

/// One map: each word once.
struct YamlMap {
  std::size_t line = 0;
  std::vector<YamlSetting> settings;
};

/// `word: value`, `word: [value, …]`, `word: {…}` or `word: [{…}, …]`.
struct YamlSetting {
  enum class Kind : std::uint8_t { value, list, map, maps };

  std::string word;
  std::size_t line = 0;
  Kind kind = Kind::value;        ///< an empty list is Kind::list
  std::vector<YamlValue> values;  ///< exactly one of a value; of a list, any number
  std::vector<YamlMap> maps;      ///< exactly one of a map; of a list of maps, at least one
};

struct YamlError {
  std::size_t line = 0;  ///< 1-based
  std::string message;
};

/// Parses a whole file; an empty one has no options. \error the first thing that is not this shape.
[[nodiscard]] base::Expected<YamlMap, YamlError> parse_yaml_file(std::string_view text);

/// A value as it may stand in such a file: plain where YAML reads it back unchanged, else quoted.
[[nodiscard]] std::string to_yaml_value(std::string_view text);

}  // namespace config
