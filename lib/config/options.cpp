#include "config/options.hpp"

#include "config/parse_words.hpp"

namespace config {

std::string place_of(const std::string& file, const std::string& word, std::size_t line) {
  return fmt::format("{}:{}: {}", file, line, word);
}

void fail_unknown(const std::string& file, const YamlSetting& setting, std::string_view known) {
  std::vector<std::string> words;
  for (std::string_view rest = known; !rest.empty();) {
    const std::size_t end = std::min(rest.find(", "), rest.size());
    words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  const std::string meant = find_similar(setting.word, words);
  fail(place_of(file, setting.word, setting.line),
       fmt::format("is unknown{}: it must be one of: {}",
                   meant.empty() ? "" : fmt::format("; did you mean {}?", meant), known));
}

const YamlValue& single_value(const std::string& file, const YamlSetting& setting,
                              std::string_view allowed) {
  if (setting.kind == YamlSetting::Kind::value) return setting.values.front();
  fail(place_of(file, setting.word, setting.line),
       fmt::format("takes one value, not a {}: {}",
                   setting.kind == YamlSetting::Kind::map ? "map" : "list", allowed));
}

std::span<const YamlValue> list_of_values(const std::string& file, const YamlSetting& setting,
                                          std::string_view allowed) {
  if (setting.maps.empty()) return setting.values;
  fail(place_of(file, setting.word, setting.line),
       fmt::format("takes values, and a map is not allowed here: {}", allowed));
}

std::string write_setting(std::string_view indent, std::string_view word, bool is_list,
                          const std::vector<std::string>& values) {
  if (!is_list) return fmt::format("{}{}: {}\n", indent, word, to_yaml_value(values.front()));
  if (values.empty()) return fmt::format("{}{}: []\n", indent, word);
  std::string out = fmt::format("{}{}:\n", indent, word);
  for (const std::string& value : values)
    out += fmt::format("{}  - {}\n", indent, to_yaml_value(value));
  return out;
}

}  // namespace config
