#include "config/values.hpp"

#include <array>

namespace config {
namespace {

constexpr std::array<std::string_view, 4> log_levels{"debug", "info", "warning", "error"};
constexpr std::size_t max_socket_path = 107;  // sun_path has 108 octets, with the end mark
constexpr std::size_t max_interface_name = 15;

}  // namespace

std::optional<bool> parse_toggle(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return std::nullopt;
}

bool is_log_level(std::string_view text) {
  return std::find(log_levels.begin(), log_levels.end(), text) != log_levels.end();
}

bool is_socket_path(std::string_view text) {
  return !text.empty() && text.size() <= max_socket_path;
}

bool is_interface_name(std::string_view text) {
  const auto is_wrong = [](char c) {
    return c == '/' || static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
  };
  return !text.empty() && text.size() <= max_interface_name && text != "." && text != ".." &&
         std::none_of(text.begin(), text.end(), is_wrong);
}

}  // namespace config
