#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/ip_address.hpp"

/// What `set`, `get` and `clear` of an option (config/options.hpp) are for the kinds of values that
/// programs share. `members` lead from the config to the value, as in
/// `set_number<&Config::settings, &Settings::limit>`.
namespace config {

[[nodiscard]] std::optional<bool> parse_toggle(std::string_view text);
inline constexpr std::string_view toggle_allowed = "true or false";

[[nodiscard]] bool is_log_level(std::string_view text);
inline constexpr std::string_view log_level_allowed = "debug, info, warning or error";

[[nodiscard]] bool is_socket_path(std::string_view text);
inline constexpr std::string_view socket_path_allowed = "a file name of at most 107 octets";

/// As the kernel takes one.
[[nodiscard]] bool is_interface_name(std::string_view text);

/// Addresses that belong together: `ADDRESS/LENGTH`. An address alone is none, though WireGuard
/// takes it for one of full length, nor is the whole of a family.
[[nodiscard]] std::optional<base::Prefix> parse_range(std::string_view text);
/// For Option::fault. \return empty: it is a range
[[nodiscard]] std::string range_fault(std::string_view text);

/// For Option::fault, where a place of this or another host is expected: `ADDRESS` or
/// `ADDRESS:PORT`. \return empty: nothing more can be said
[[nodiscard]] std::string address_fault(std::string_view text);

[[nodiscard]] inline bool is_anything(std::string_view) {
  return true;
}
[[nodiscard]] inline bool is_not_empty(std::string_view text) {
  return !text.empty();
}

/// A whole number, or a std::chrono duration in its own unit. The option's range fits it.
template <auto... members, class Config>
void set_number(Config& config, std::uint64_t number) {
  auto& value = (config.*....*members);
  value = std::remove_reference_t<decltype(value)>(number);
}
template <auto... members, class Config>
[[nodiscard]] std::vector<std::string> get_number(const Config& config) {
  const auto& value = (config.*....*members);
  if constexpr (requires { value.count(); }) {
    return {std::to_string(value.count())};
  } else {
    return {std::to_string(value)};
  }
}

template <auto... members, class Config>
[[nodiscard]] bool set_toggle(Config& config, const std::string& value) {
  const auto parsed = parse_toggle(value);
  if (parsed) (config.*....*members) = *parsed;
  return parsed.has_value();
}
template <auto... members, class Config>
[[nodiscard]] std::vector<std::string> get_toggle(const Config& config) {
  return {(config.*....*members) ? "true" : "false"};
}

/// A std::string or a path; `is_allowed` is one of the predicates above, or the program's own.
template <bool (*is_allowed)(std::string_view), auto... members, class Config>
[[nodiscard]] bool set_text(Config& config, const std::string& value) {
  if (!is_allowed(value)) return false;
  (config.*....*members) = value;
  return true;
}
template <auto... members, class Config>
[[nodiscard]] std::vector<std::string> get_text(const Config& config) {
  return {std::string((config.*....*members))};
}
/// Text in a std::optional; empty: none.
template <auto... members, class Config>
[[nodiscard]] bool set_optional_text(Config& config, const std::string& value) {
  (config.*....*members) = value.empty() ? std::nullopt : std::optional(value);
  return true;
}
template <auto... members, class Config>
[[nodiscard]] std::vector<std::string> get_optional_text(const Config& config) {
  return {(config.*....*members).value_or("")};
}

/// Texts of a list, each once.
template <bool (*is_allowed)(std::string_view), auto... members, class Config>
[[nodiscard]] bool add_text(Config& config, const std::string& value) {
  auto& known = (config.*....*members);
  if (!is_allowed(value) || std::find(known.begin(), known.end(), value) != known.end())
    return false;
  known.push_back(value);
  return true;
}
template <auto... members, class Config>
[[nodiscard]] std::vector<std::string> get_texts(const Config& config) {
  return (config.*....*members);
}

/// \param to_text a member function, or another function, that gives the text of one value.
template <class Values, class ToText>
[[nodiscard]] std::vector<std::string> texts_of(const Values& values, ToText to_text) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const auto& value : values) texts.push_back(std::invoke(to_text, value));
  return texts;
}

template <auto... members, class Config>
void clear(Config& config) {
  (config.*....*members).clear();
}

}  // namespace config
