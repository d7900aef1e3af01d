#include "dnsd/control_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace dnsd {
namespace {

using Json = nlohmann::json;

/// Of a request that was not understood.
constexpr std::size_t shown_octets = 80;

constexpr std::array<std::pair<std::string_view, ControlRequest::Command>, 12> commands{{
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
    {"peer list", ControlRequest::Command::peer_list},
    {"peer reset", ControlRequest::Command::peer_reset},
}};

/// Replaces octets that are not UTF-8 instead of throwing.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

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
  if (line.size() > max_control_line)
    return base::Unexpected(std::string("the request is too long"));
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return base::Unexpected(std::string("the request is not a JSON object"));
  if (!json.contains("command")) return base::Unexpected(std::string("the request has no command"));
  ControlRequest request;
  for (const auto& [member, value] : json.items()) {
    if (!take_member(member, value, request)) {
      return base::Unexpected(
          fmt::format("not understood: {}", dump({{member, value}}).substr(0, shown_octets)));
    }
  }
  return request;
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
  if (command->first.starts_with("peer ") && request.command != Command::peer_list)
    json["name"] = request.name;
  if (request.command == Command::peer_add) {
    json["key"] = request.key;
    json["allowed_ips"] = request.allowed_ips;
    if (!request.preshared_key_file.empty())
      json["preshared_key_file"] = request.preshared_key_file;
  }
  if (request.command == Command::zone || request.command == Command::query) {
    json["view"] = request.view == View::public_view ? "public" : "private";
  }
  if (request.json) json["json"] = true;
  return dump(json) + "\n";
}

std::string write_control_chunk(std::string_view text) {
  return fmt::format("{}\n{}", text.size(), text);
}

std::string write_control_result(const ControlResult& result) {
  Json json{{"exit", result.exit}};
  if (!result.error.empty()) json["error"] = result.error;
  return "0\n" + dump(json) + "\n";
}

std::string_view ControlReplyReader::feed(std::string_view received) {
  output_.clear();
  while (!received.empty() && state_ == State::reading) {
    if (chunk_left_ > 0) {
      const std::string_view part = received.substr(0, chunk_left_);
      output_ += part;
      chunk_left_ -= part.size();
      received.remove_prefix(part.size());
      continue;
    }
    const std::size_t end = received.find('\n');
    line_ += received.substr(0, end);
    if (line_.size() > max_control_line) state_ = State::malformed;
    if (end == std::string_view::npos) break;
    received.remove_prefix(end + 1);
    if (!take_line()) state_ = State::malformed;
    line_.clear();
  }
  if (state_ == State::done && !received.empty()) state_ = State::malformed;
  return output_;
}

bool ControlReplyReader::take_line() {
  if (last_chunk_seen_) {
    const Json json = Json::parse(line_, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("exit") || !json["exit"].is_number_unsigned()) {
      return false;
    }
    const auto exit = json["exit"].get<std::uint64_t>();
    if (exit > 255) return false;
    result_.exit = static_cast<int>(exit);
    if (const auto error = json.find("error"); error != json.end()) {
      if (!error->is_string()) return false;
      result_.error = error->get<std::string>();
    }
    state_ = State::done;
    return true;
  }
  std::size_t length = 0;
  const char* last = line_.data() + line_.size();
  const auto [end, ec] = std::from_chars(line_.data(), last, length);
  if (ec != std::errc() || end != last || length > max_control_chunk) return false;
  chunk_left_ = length;
  last_chunk_seen_ = length == 0;
  return true;
}

}  // namespace dnsd
