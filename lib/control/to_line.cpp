#include "control/to_line.hpp"

#include <nlohmann/json.hpp>

namespace control {
namespace {

template <typename Json>
std::string write(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_line(const nlohmann::json& json) {
  return write(json);
}

std::string to_line(const nlohmann::ordered_json& json) {
  return write(json);
}

}  // namespace control
