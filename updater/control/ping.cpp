#include "updater/control/ping.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.hpp"
#include "base/output.hpp"
#include "control/to_line.hpp"
#include "updater/control/control_request.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr int exit_direct = 0;
constexpr int exit_other = 1;
constexpr int exit_failure = 2;
/// Between requests, and how long an answer is waited for.
constexpr auto interval = 1s;
constexpr auto look_interval = 10ms;

bool is_direct(const PingAnswer& answer) {
  return answer.path == "direct" || answer.path == "lan";
}

/// \error one sentence, and the exit code.
base::Expected<PingAnswer, control::Result> ask(const control::Daemon& daemon,
                                                const std::string& peer, bool send) {
  ControlRequest request{ControlRequest::Command::ping, false, peer};
  request.send = send;
  std::string text;
  const auto result =
      control::ask(daemon, write_control_request(request), [&](std::string_view piece) {
        text += piece;
        return true;
      });
  if (!result) return base::Unexpected(control::Result{exit_failure, result.error()});
  if (result->exit != 0) return base::Unexpected(*result);
  const auto answer = parse_ping_answer(text);
  if (!answer)
    return base::Unexpected(control::Result{
        exit_failure, "the daemon's answer cannot be read: it is of another version; restart it"});
  return *answer;
}

}  // namespace

PingAnswer make_ping_answer(const PeerReport& peer, const Echoes& echoes) {
  return {.peer = wg::describe_peer(peer.name, peer.key),
          .target = echoes.target.to_string(),
          .path = std::string(peer.path()),
          .endpoint = peer.endpoint ? peer.endpoint->to_string() : "",
          .sent = echoes.sent,
          .answered = echoes.answered,
          .round_trip = echoes.round_trip.value_or(0us).count()};
}

std::string write_ping_answer(const PingAnswer& answer) {
  return control::to_line(Json{{"peer", answer.peer},
                               {"target", answer.target},
                               {"path", answer.path},
                               {"endpoint", answer.endpoint},
                               {"sent", answer.sent},
                               {"answered", answer.answered},
                               {"round_trip_microseconds", answer.round_trip}});
}

std::optional<PingAnswer> parse_ping_answer(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  PingAnswer answer;
  for (const auto& [word, place] :
       {std::pair{"peer", &answer.peer}, std::pair{"target", &answer.target},
        std::pair{"path", &answer.path}, std::pair{"endpoint", &answer.endpoint}}) {
    const Json value = json.value(word, Json());
    if (!value.is_string()) return std::nullopt;
    *place = value.get<std::string>();
  }
  const Json sent = json.value("sent", Json());
  const Json answered = json.value("answered", Json());
  const Json round_trip = json.value("round_trip_microseconds", Json());
  if (!sent.is_number_unsigned() || !answered.is_number_unsigned() ||
      !round_trip.is_number_integer())
    return std::nullopt;
  answer.sent = sent.get<std::uint64_t>();
  answer.answered = answered.get<std::uint64_t>();
  answer.round_trip = round_trip.get<std::int64_t>();
  return answer;
}

std::string describe_ping(const PingAnswer& answer, bool is_answered) {
  const std::string way =
      answer.path + (answer.endpoint.empty() ? "" : ", endpoint " + answer.endpoint);
  if (!is_answered)
    return fmt::format("no answer from {} at {} within 1 s, path {}\n", answer.peer, answer.target,
                       way);
  return fmt::format("answer from {} at {}: {:.1f} ms, path {}\n", answer.peer, answer.target,
                     static_cast<double>(answer.round_trip) / 1000, way);
}

int run_ping(const control::Daemon& daemon, const std::string& peer, unsigned count,
             std::FILE* out) {
  const auto fail = [&](const control::Result& why) {
    fmt::print(stderr, "{}: {}\n", daemon.program, why.error);
    return why.exit;
  };
  for (unsigned sent = 0; sent < count; ++sent) {
    const auto due = base::read_steady() + interval;
    auto answer = ask(daemon, peer, /*send=*/true);
    if (!answer) return fail(answer.error());
    const std::uint64_t before = answer->answered;
    while (answer->answered == before && base::read_steady() < due) {
      std::this_thread::sleep_for(look_interval);
      answer = ask(daemon, peer, /*send=*/false);
      if (!answer) return fail(answer.error());
    }
    const bool is_answered = answer->answered != before;
    if (!base::print_output(out, describe_ping(*answer, is_answered))) return exit_failure;
    if (is_answered && is_direct(*answer)) return exit_direct;
    if (sent + 1 < count) std::this_thread::sleep_until(due);
  }
  return exit_other;
}

}  // namespace updater
