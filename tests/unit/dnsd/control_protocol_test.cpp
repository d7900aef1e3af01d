#include "dnsd/control_protocol.hpp"

#include <doctest/doctest.h>

#include <string>

using dnsd::ControlReplyReader;
using dnsd::ControlRequest;
using Command = dnsd::ControlRequest::Command;
using State = dnsd::ControlReplyReader::State;

TEST_CASE("a request is read as it was written") {
  for (const ControlRequest& request :
       {ControlRequest{.command = Command::zone, .view = dnsd::View::public_view},
        ControlRequest{.command = Command::zone},
        ControlRequest{.command = Command::status, .json = true},
        ControlRequest{.command = Command::query,
        .view = dnsd::View::public_view,
        .json = true,
        .name = "\"x\\.wg.example.org",
        .type = "TYPE65280"},
        ControlRequest{.command = Command::doctor}, ControlRequest{.command = Command::peers},
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

namespace {

struct Read {
  std::string text;
  State state;
  dnsd::ControlResult result;
};

Read read_reply(std::string_view stream, std::size_t piece) {
  ControlReplyReader reader;
  std::string text;
  while (!stream.empty()) {
    text += reader.feed(stream.substr(0, piece));
    stream.remove_prefix(std::min(piece, stream.size()));
  }
  return {text, reader.state(), reader.result()};
}

}  // namespace

TEST_CASE("a reply is read in pieces of any size, text with newlines and digits included") {
  const std::string stream = dnsd::write_control_chunk("3\nabc\n0\n") +
                             dnsd::write_control_chunk("last") +
                             dnsd::write_control_result({.exit = 1, .error = "because \"x\""});
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    CAPTURE(piece);
    const Read read = read_reply(stream, piece);
    CHECK(read.text == "3\nabc\n0\nlast");
    CHECK(read.state == State::done);
    CHECK(read.result == dnsd::ControlResult{1, "because \"x\""});
  }
}

TEST_CASE("a reply that ends anywhere before its result is not done") {
  const std::string stream =
      dnsd::write_control_chunk("text") + dnsd::write_control_result({.exit = 0, .error = {}});
  for (std::size_t size = 0; size < stream.size(); ++size) {
    CAPTURE(size);
    CHECK(read_reply(std::string_view(stream).substr(0, size), 7).state == State::reading);
  }
  CHECK(read_reply(stream + "x", 7).state == State::malformed);
}

TEST_CASE("hostile replies are malformed") {
  for (const std::string& stream :
       {std::string("-1\n"), std::string("\n"), std::string("1048577\n"),
        std::string("99999999999999999999\n"), std::string("4 \n"), std::string("0x4\n"),
        std::string("0\n{}\n"), std::string("0\n{\"exit\":256}\n"),
        std::string("0\n{\"exit\":-1}\n"), std::string("0\n{\"exit\":\"0\"}\n"),
        std::string("0\n{\"exit\":0,\"error\":1}\n"), std::string("0\nnull\n"),
        std::string(5000, '1')}) {
    CAPTURE(stream.substr(0, 40));
    CHECK(read_reply(stream, 3).state == State::malformed);
  }
}
