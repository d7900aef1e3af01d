#include "updater/control/control_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "config/files.hpp"
#include "control/to_line.hpp"

namespace updater {
namespace {

using Json = nlohmann::json;

struct Word {
  ControlRequest::Command command;
  const char* word;
};
constexpr std::array<Word, 6> commands{{{ControlRequest::Command::status, "status"},
                                        {ControlRequest::Command::why, "why"},
                                        {ControlRequest::Command::ping, "ping"},
                                        {ControlRequest::Command::doctor, "doctor"},
                                        {ControlRequest::Command::log_level, "log-level"},
                                        {ControlRequest::Command::config, "config"}}};

}  // namespace

base::Expected<ControlRequest, std::string> parse_control_request(std::string_view line) {
  const auto refuse = [](const char* why) { return base::Unexpected(std::string(why)); };
  if (line.size() > control::max_request) return refuse("the request is too long");
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return refuse("the request is not a JSON object");
  ControlRequest request;
  const Json command = json.value("command", Json());
  const auto known = std::find_if(commands.begin(), commands.end(),
                                  [&](const auto& one) { return command == one.word; });
  if (known == commands.end())
    return refuse(
        "the request has no command that is known: status, why, ping, doctor, "
        "log-level, config");
  request.command = known->command;
  const Json is_json = json.value("json", Json(false));
  const Json peer = json.value("peer", Json(""));
  if (!is_json.is_boolean()) return refuse("json is neither true nor false");
  if (!peer.is_string()) return refuse("peer is not a text");
  const Json filter = json.value("filter", Json::array());
  const Json check = json.value("check", Json(""));
  if (!filter.is_array() ||
      !std::all_of(filter.begin(), filter.end(), [](const Json& word) { return word.is_string(); }))
    return refuse("filter is not an array of texts");
  if (check != "" && check != "live" && check != "ready")
    return refuse("check is neither live nor ready");
  const Json send = json.value("send", Json(false));
  if (!send.is_boolean()) return refuse("send is neither true nor false");
  request.send = send.get<bool>();
  const Json level = json.value("level", Json(""));
  if (!level.is_string()) return refuse("level is not a text");
  request.level = level.get<std::string>();
  request.filter = filter.get<std::vector<std::string>>();
  request.check = check.get<std::string>();
  request.json = is_json.get<bool>();
  request.peer = peer.get<std::string>();
  return request;
}

std::string write_control_request(const ControlRequest& request) {
  Json json{{"command", std::find_if(commands.begin(), commands.end(), [&](const auto& one) {
                          return one.command == request.command;
                        })->word}};
  if (request.json) json["json"] = true;
  if (!request.filter.empty()) json["filter"] = request.filter;
  if (!request.check.empty()) json["check"] = request.check;
  if (request.send) json["send"] = true;
  if (!request.level.empty()) json["level"] = request.level;
  if (!request.peer.empty()) json["peer"] = request.peer;
  return control::to_line(json);
}

std::string default_control_socket(const std::string& interface) {
  return config::find_socket("wg-updater", interface + ".sock");
}

}  // namespace updater
