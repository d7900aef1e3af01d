#include "control/reply.hpp"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "control/to_line.hpp"

namespace control {

using Json = nlohmann::json;

std::string write_chunk(std::string_view text) {
  return fmt::format("{}\n{}", text.size(), text);
}

std::string write_result(const Result& result) {
  Json json{{"exit", result.exit}};
  if (!result.error.empty()) json["error"] = result.error;
  return "0\n" + to_line(json);
}

std::string_view ReplyReader::feed(std::string_view received) {
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
    if (line_.size() > max_request) state_ = State::malformed;
    if (end == std::string_view::npos) break;
    received.remove_prefix(end + 1);
    if (!take_line()) state_ = State::malformed;
    line_.clear();
  }
  if (state_ == State::done && !received.empty()) state_ = State::malformed;
  return output_;
}

bool ReplyReader::take_line() {
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
  if (ec != std::errc() || end != last || length > max_chunk) return false;
  chunk_left_ = length;
  last_chunk_seen_ = length == 0;
  return true;
}

}  // namespace control
