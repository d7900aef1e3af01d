#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dnsd/config.hpp"

/// The one table of options. Reading the command line and the file, --help, --check-config and the
/// test of the sample file all walk it; an option is one entry here, its line in
/// config/wg-dnsd.yaml and its paragraph in doc/wg-dnsd.yaml.5.
namespace dnsd {

/// `peers` is not in the table: it is a list of maps and stands in the file only.
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
  std::string_view placeholder = {};   ///< for --help: NAME, FILE, SECONDS
  std::string_view help = {};          ///< one sentence, without the default
  std::string_view allowed = {};       ///< what would be right, in words; numbers: see range
  std::string_view unit = {};          ///< of a number; empty: none
  std::optional<Range> range = {};     ///< whole numbers only
  bool is_path = false;                ///< made absolute before `set` sees it
  bool is_path_behind_equals = false;  ///< likewise, what stands behind the first '='
  /// Takes one value over into the config, behind those already there for a list. \return false:
  /// not allowed. Null for whole numbers.
  bool (*set)(Config& config, const std::string& value) = nullptr;
  void (*set_number)(Config& config, std::uint64_t number) = nullptr;
  void (*clear)(Config& config) = nullptr;  ///< lists only: forgets every value
  /// The values as `set` would take them.
  std::vector<std::string> (*get)(const Config& config) = nullptr;
};

[[nodiscard]] std::span<const Option> all_options();
[[nodiscard]] const Option* find_option(std::string_view word);

/// What would be right, for messages: `0 to 604800 seconds`.
[[nodiscard]] std::string describe_allowed(const Option& option);

/// Takes one value over. \return false: it is not allowed, and nothing changed.
[[nodiscard]] bool set_option(Config& config, const Option& option, const std::string& value);

}  // namespace dnsd
