#include "dnsd/control/control_request.hpp"

#include <doctest/doctest.h>

#include <string>

using dnsd::ControlRequest;
using Command = dnsd::ControlRequest::Command;

TEST_CASE("a request is read as it was written") {
  for (const ControlRequest& request :
       {ControlRequest{.command = Command::zone, .view = dnsd::View::public_view},
        ControlRequest{.command = Command::zone},
        ControlRequest{.command = Command::log_level, .name = "debug"},
        ControlRequest{.command = Command::status, .json = true},
        ControlRequest{.command = Command::query,
        .view = dnsd::View::public_view,
        .json = true,
        .name = "\"x\\.wg.example.org",
        .type = "TYPE65280"},
        ControlRequest{.command = Command::doctor}, ControlRequest{.command = Command::peers},
        ControlRequest{.command = Command::peer_rename, .name = "bob", .new_name = "robert"},
        ControlRequest{.command = Command::peer_new, .name = "phone", .qr = true, .full = true},
        ControlRequest{.command = Command::reload}}) {
    const std::string line = dnsd::write_control_request(request);
    CAPTURE(line);
    CHECK(line.find('\n') == line.size() - 1);
    const auto read =
        dnsd::parse_control_request(std::string_view(line).substr(0, line.size() - 1));
    REQUIRE(read);
    CHECK(*read == request);
  }
}

TEST_CASE("hostile requests are errors") {
  const std::string deep(4000, '[');
  for (const std::string& line : {
           std::string(),
           std::string("{}"),
           std::string("[]"),
           std::string("\"zone\""),
           std::string("{\"command\":\"zone\""),
           std::string("{\"command\":\"zone\"}x"),
           std::string("{\"command\":\"Zone\"}"),
           std::string("{\"command\":1}"),
           std::string("{\"command\":null}"),
           std::string("{\"command\":[\"zone\"]}"),
           std::string("{\"command\":\"zone\",\"view\":\"both\"}"),
           std::string("{\"command\":\"zone\",\"view\":1}"),
           std::string("{\"command\":\"zone\",\"json\":\"yes\"}"),
           std::string("{\"command\":\"zone\",\"more\":1}"),
           std::string("{\"command\":\"query\",\"name\":1}"),
           std::string("{\"command\":\"query\",\"type\":[]}"),
           std::string("{\"command\":\"zone\\u0000\"}"),
           std::string("{\"command\":\"\xff\xfe\"}"),
           std::string("{\"command\":\"zone\0\"}", 19),
           deep,
           "{\"command\":" + std::string(3000, '{'),
           "{\"command\":\"zone\",\"view\":\"" + std::string(5000, 'x') + "\"}",
       }) {
    CAPTURE(line.substr(0, 60));
    const auto read = dnsd::parse_control_request(line);
    REQUIRE_FALSE(read);
    CHECK(read.error().size() < 200);
  }
}
