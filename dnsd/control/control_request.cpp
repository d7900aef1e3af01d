#include "dnsd/control/control_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/files.hpp"
#include "control/to_line.hpp"

namespace dnsd {
namespace {

using Json = nlohmann::json;

/// Octets that are quoted of a request that was not understood.
constexpr std::size_t shown_octets = 80;

constexpr auto commands = std::to_array<std::pair<std::string_view, ControlRequest::Command>>({
    {"zone", ControlRequest::Command::zone},
    {"status", ControlRequest::Command::status},
    {"peers", ControlRequest::Command::peers},
    {"query", ControlRequest::Command::query},
    {"doctor", ControlRequest::Command::doctor},
    {"reload", ControlRequest::Command::reload},
    {"pubkey", ControlRequest::Command::pubkey},
    {"peer config", ControlRequest::Command::peer_config},
    {"peer add", ControlRequest::Command::peer_add},
    {"peer remove", ControlRequest::Command::peer_remove},
    {"peer rename", ControlRequest::Command::peer_rename},
    {"peer new", ControlRequest::Command::peer_new},
    {"peer list", ControlRequest::Command::peer_list},
    {"peer reset", ControlRequest::Command::peer_reset},
    {"log-level", ControlRequest::Command::log_level},
});

/// \return false: the value is not of that kind.
bool take_member(const std::string& member, const Json& value, ControlRequest& request) {
  if (member == "command" && value.is_string()) {
    const auto* found = std::find_if(commands.begin(), commands.end(), [&](const auto& one) {
      return one.first == value.get_ref<const std::string&>();
    });
    if (found == commands.end()) return false;
    request.command = found->second;
    return true;
  }
  if (member == "view" && (value == "public" || value == "private")) {
    request.view = value == "public" ? View::public_view : View::private_view;
    return true;
  }
  if (member == "json" && value.is_boolean()) {
    request.json = value.get<bool>();
    return true;
  }
  if (member == "qr" && value.is_boolean()) {
    request.qr = value.get<bool>();
    return true;
  }
  if (member == "full" && value.is_boolean()) {
    request.full = value.get<bool>();
    return true;
  }
  if (member == "force" && value.is_boolean()) {
    request.force = value.get<bool>();
    return true;
  }
  if (member == "name" && value.is_string()) {
    request.name = value.get<std::string>();
    return true;
  }
  if (member == "type" && value.is_string()) {
    request.type = value.get<std::string>();
    return true;
  }
  if (member == "key" && value.is_string()) {
    request.key = value.get<std::string>();
    return true;
  }
  if (member == "new_name" && value.is_string()) {
    request.new_name = value.get<std::string>();
    return true;
  }
  if (member == "preshared_key_file" && value.is_string()) {
    request.preshared_key_file = value.get<std::string>();
    return true;
  }
  if (member == "allowed_ips" && value.is_array()) {
    for (const Json& one : value) {
      if (!one.is_string()) return false;
      request.allowed_ips.push_back(one.get<std::string>());
    }
    return true;
  }
  return false;
}

}  // namespace

base::Expected<ControlRequest, std::string> parse_control_request(std::string_view line) {
  if (line.size() > control::max_request)
    return base::Unexpected(std::string("the request is too long"));
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return base::Unexpected(std::string("the request is not a JSON object"));
  if (!json.contains("command")) return base::Unexpected(std::string("the request has no command"));
  ControlRequest request;
  for (const auto& [member, value] : json.items()) {
    if (!take_member(member, value, request)) {
      std::string shown = control::to_line(Json{{member, value}});
      shown.pop_back();  // the newline
      return base::Unexpected(fmt::format("not understood: {}", shown.substr(0, shown_octets)));
    }
  }
  return request;
}

std::string default_control_socket() {
  return config::find_socket("wg-dnsd", "control.sock");
}

std::string write_control_request(const ControlRequest& request) {
  const auto* command = std::find_if(commands.begin(), commands.end(), [&](const auto& one) {
    return one.second == request.command;
  });
  Json json{{"command", command->first}};
  using Command = ControlRequest::Command;
  if (request.command == Command::query) {
    json["name"] = request.name;
    json["type"] = request.type;
  }
  if (request.command == Command::log_level) json["name"] = request.name;
  if (command->first.starts_with("peer ") && request.command != Command::peer_list)
    json["name"] = request.name;
  if (request.command == Command::peer_rename) json["new_name"] = request.new_name;
  if (request.command == Command::peer_add) {
    json["key"] = request.key;
    json["allowed_ips"] = request.allowed_ips;
    if (!request.preshared_key_file.empty())
      json["preshared_key_file"] = request.preshared_key_file;
    if (request.force) json["force"] = true;
  }
  if (request.command == Command::zone || request.command == Command::query) {
    json["view"] = to_string(request.view);
  }
  if (request.json) json["json"] = true;
  if (request.qr) json["qr"] = true;
  if (request.full) json["full"] = true;
  return control::to_line(json);
}

}  // namespace dnsd
