#include "control/log_level.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "config/values.hpp"

namespace control {

Reply change_log_level(const std::string& level) {
  constexpr int exit_usage = 2;
  if (!level.empty()) {
    if (!config::is_log_level(level))
      return {.result = {exit_usage, fmt::format("there is no log level {}; expected: {}", level,
                                                 config::log_level_allowed)}};
    spdlog::set_level(spdlog::level::from_str(level));
    spdlog::info("log level {}", level);
  }
  const auto now = spdlog::level::to_string_view(spdlog::get_level());
  return {.text = std::string(now.data(), now.size()) + '\n'};
}

}  // namespace control
