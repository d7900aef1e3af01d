#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/error.hpp"
#include "config/files.hpp"
#include "config/yaml_file.hpp"

/// Options of a program: each is one entry of a table, and reading the command line and the file,
/// --help, --check-config and the test of the sample file all walk that table.
namespace config {

/// One option of a program whose configuration is a `Config`, a value.
template <class Config>
struct Option {
  enum class Shape : std::uint8_t {
    single,  ///< one value
    toggle,  ///< true or false; on the command line the bare word means true
    list,    ///< any number of values: a YAML list (or one value), a repeated option
  };
  struct Range {
    std::uint64_t min;
    std::uint64_t max;
  };

  std::string_view word;
  Shape shape = Shape::single;
  std::string_view placeholder = {};  ///< for --help: NAME, FILE, SECONDS
  std::string_view help = {};         ///< one sentence, without the default
  std::string_view allowed = {};      ///< what would be right, in words; numbers: see range
  /// What is wrong with a value that `set` refused, in words behind a colon; null, or empty: that
  /// it is not what is allowed says it all.
  std::string (*fault)(std::string_view value) = nullptr;
  std::string_view unit = {};          ///< of a number; empty: none
  std::optional<Range> range = {};     ///< whole numbers only
  bool is_path = false;                ///< made absolute before `set` sees it
  bool is_path_behind_equals = false;  ///< a path behind the first '=': made absolute
  bool has_default = true;             ///< --help shows that of a default Config
  /// Sets one value in the config; for a list, appends it. \return false: not allowed. Null for
  /// whole numbers.
  bool (*set)(Config& config, const std::string& value) = nullptr;
  void (*set_number)(Config& config, std::uint64_t number) = nullptr;
  void (*clear)(Config& config) = nullptr;  ///< lists only: forgets every value
  /// The values as `set` would take them.
  std::vector<std::string> (*get)(const Config& config) = nullptr;
};

/// Option word without dashes → what the command line gave for it, in order; nothing: not given.
using Words = std::map<std::string, std::vector<std::string>>;

/// `FILE:LINE: WORD`, as errors begin.
[[nodiscard]] std::string place_of(const std::string& file, const std::string& word,
                                   std::size_t line);
/// \param known every word that would be right. \throws Error
[[noreturn]] void fail_unknown(const std::string& file, const YamlSetting& setting,
                               std::string_view known);
/// The one value of a setting. \throws Error where it is a list or a map; `allowed` says what would
/// be right.
[[nodiscard]] const YamlValue& single_value(const std::string& file, const YamlSetting& setting,
                                            std::string_view allowed);
/// One value, or a list of them. \throws Error where there is a map.
[[nodiscard]] std::span<const YamlValue> list_of_values(const std::string& file,
                                                        const YamlSetting& setting,
                                                        std::string_view allowed);
/// `word:` and its values, one or a list, each line behind `indent`; ends with a newline.
[[nodiscard]] std::string write_setting(std::string_view indent, std::string_view word,
                                        bool is_list, const std::vector<std::string>& values);

template <class Config>
[[nodiscard]] const Option<Config>* find_option(std::span<const Option<Config>> options,
                                                std::string_view word) {
  const auto found = std::find_if(options.begin(), options.end(),
                                  [&](const auto& option) { return option.word == word; });
  return found == options.end() ? nullptr : &*found;
}

/// What would be right, for messages: `0 to 604800 seconds`.
template <class Config>
[[nodiscard]] std::string describe_allowed(const Option<Config>& option) {
  if (!option.range) return std::string(option.allowed);
  return fmt::format("{} to {} {}", option.range->min, option.range->max, option.unit);
}

/// Sets one value. \return false: it is not allowed, and nothing changed.
template <class Config>
[[nodiscard]] bool set_option(Config& config, const Option<Config>& option,
                              const std::string& value) {
  if (!option.range) return option.set(config, value);
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (ec != std::errc() || end != value.data() + value.size()) return false;
  if (number < option.range->min || number > option.range->max) return false;
  option.set_number(config, number);
  return true;
}

/// What is wrong with a value that set_option() refused, and what would be right.
template <class Config>
[[nodiscard]] std::string describe_fault(const Config& config, const Option<Config>& option,
                                         const std::string& value) {
  if (option.clear != nullptr) {
    Config without = config;
    option.clear(without);
    if (set_option(without, option, value))
      return fmt::format("'{}' is given twice, or is not allowed beside the others; expected: {}",
                         value, describe_allowed(option));
  }
  const std::string fault = option.fault != nullptr ? option.fault(value) : std::string();
  return fmt::format("'{}' is not allowed{}{}; expected: {}", value, fault.empty() ? "" : ": ",
                     fault, describe_allowed(option));
}

/// \param where the place that an error names. \param folder of relative paths. \throws Error
template <class Config>
void take_value(Config& config, const Option<Config>& option, const std::string& value,
                const std::string& where, const std::string& folder) {
  const std::size_t path =
      option.is_path_behind_equals ? std::min(value.find('='), value.size() - 1) + 1 : 0;
  const bool relative =
      (option.is_path || option.is_path_behind_equals) && path < value.size() && value[path] != '/';
  const std::string whole =
      relative ? value.substr(0, path) + absolute_path(folder, value.substr(path)) : value;
  if (!set_option(config, option, whole)) fail(where, describe_fault(config, option, value));
}

/// Applies one line of a file; a list replaces the earlier one. \throws Error
template <class Config>
void take_setting(Config& config, const Option<Config>& option, const YamlSetting& setting,
                  const std::string& file) {
  const std::string folder = folder_of(file);
  const std::string allowed = describe_allowed(option);
  const auto values = option.shape == Option<Config>::Shape::list
                          ? list_of_values(file, setting, allowed)
                          : std::span(&single_value(file, setting, allowed), 1);
  if (option.clear != nullptr) option.clear(config);
  for (const YamlValue& value : values)
    take_value(config, option, value.text, place_of(file, setting.word, value.line), folder);
}

/// Lays the words of the command line over a config: an option that is given there replaces what
/// was there, lists as a whole. \throws Error
template <class Config>
void take_words(Config& config, std::span<const Option<Config>> options, const Words& words) {
  const std::string folder = std::filesystem::current_path().string();
  for (const Option<Config>& option : options) {
    const auto given = words.find(std::string(option.word));
    if (given == words.end() || given->second.empty()) continue;
    const std::string flag = fmt::format("--{}", option.word);
    if (option.shape != Option<Config>::Shape::list && given->second.size() > 1)
      fail(flag, "is given twice");
    if (option.clear != nullptr) option.clear(config);
    for (const std::string& value : given->second) take_value(config, option, value, flag, folder);
  }
}

/// Every option with its values, as a file says it.
template <class Config>
[[nodiscard]] std::string write_options(const Config& config,
                                        std::span<const Option<Config>> options,
                                        std::string_view indent = "") {
  std::string out;
  for (const Option<Config>& option : options)
    out += write_setting(indent, option.word, option.shape == Option<Config>::Shape::list,
                         option.get(config));
  return out;
}

}  // namespace config
