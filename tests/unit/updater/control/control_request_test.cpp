#include "updater/control/control_request.hpp"

#include <doctest/doctest.h>

namespace {

using updater::ControlRequest;

}  // namespace

TEST_CASE("what is asked is what was written") {
  for (const ControlRequest& request :
       {ControlRequest{}, ControlRequest{ControlRequest::Command::status, true, ""},
        ControlRequest{ControlRequest::Command::why, false, "xTIB\"\n"},
        ControlRequest{ControlRequest::Command::doctor, false, ""},
        ControlRequest{ControlRequest::Command::status, true, "", {"none", "bob"}},
        ControlRequest{ControlRequest::Command::log_level, false, "", {}, "", "debug"},
        ControlRequest{ControlRequest::Command::ping, false, "bob", {}, "", "", true},
        ControlRequest{ControlRequest::Command::status, false, "", {}, "live"}}) {
    std::string line = updater::write_control_request(request);
    REQUIRE(line.back() == '\n');
    line.pop_back();
    const auto parsed = updater::parse_control_request(line);
    REQUIRE(parsed);
    CHECK(*parsed == request);
  }
}

TEST_CASE("a request that is not understood says why") {
  for (const char* line :
       {"", "status", "[]", "{}", "{\"command\":\"stop\"}", "{\"command\":1}",
        "{\"command\":\"status\",\"json\":1}", "{\"command\":\"why\",\"peer\":[]}",
        "{\"command\":\"status\",\"filter\":\"bob\"}", "{\"command\":\"status\",\"filter\":[1]}",
        "{\"command\":\"status\",\"check\":\"happy\"}", "{\"command\":\"status\",\"check\":1}",
        "{\"command\":\"log-level\",\"level\":1}"}) {
    CAPTURE(line);
    const auto parsed = updater::parse_control_request(line);
    REQUIRE(!parsed);
    CHECK(!parsed.error().empty());
  }
  CHECK(!updater::parse_control_request(std::string(5000, ' ')));
}
