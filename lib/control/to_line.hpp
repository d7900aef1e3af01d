#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace control {

/// JSON on one line, with its newline. Octets that are not UTF-8 are replaced: a text may quote
/// user input.
[[nodiscard]] std::string to_line(const nlohmann::json& json);
[[nodiscard]] std::string to_line(const nlohmann::ordered_json& json);

}  // namespace control
