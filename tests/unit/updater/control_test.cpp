#include "updater/control.hpp"

#include <doctest/doctest.h>

namespace {

using updater::ControlReply;
using updater::ControlRequest;

}  // namespace

TEST_CASE("what is asked is what was written") {
  for (const ControlRequest& request :
       {ControlRequest{}, ControlRequest{ControlRequest::Command::status, true, ""},
        ControlRequest{ControlRequest::Command::why, false, "xTIB\"\n"},
        ControlRequest{ControlRequest::Command::doctor, false, ""}}) {
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
        "{\"command\":\"status\",\"json\":1}", "{\"command\":\"why\",\"peer\":[]}"}) {
    CAPTURE(line);
    const auto parsed = updater::parse_control_request(line);
    REQUIRE(!parsed);
    CHECK(!parsed.error().empty());
  }
  CHECK(!updater::parse_control_request(std::string(5000, ' ')));
}

TEST_CASE("a reply is whole or none at all") {
  const ControlReply reply{3, "why \"so\"", "line\nline\n"};
  const std::string text = updater::write_control_reply(reply);
  CHECK(updater::parse_control_reply(text) == reply);
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK(!updater::parse_control_reply(text.substr(0, size)));
  }
  CHECK(!updater::parse_control_reply(text + "x"));
  for (const char* bad : {"{}\n", "{\"exit\":256,\"octets\":0}\n", "{\"exit\":-1,\"octets\":0}\n",
                          "{\"exit\":0,\"octets\":0,\"error\":1}\n", "x\n"}) {
    CAPTURE(bad);
    CHECK(!updater::parse_control_reply(bad));
  }
}
