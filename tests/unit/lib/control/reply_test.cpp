#include "control/reply.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using control::ReplyReader;
using State = control::ReplyReader::State;

namespace {

struct Read {
  std::string text;
  State state;
  control::Result result;
};

Read read_reply(std::string_view stream, std::size_t piece) {
  ReplyReader reader;
  std::string text;
  while (!stream.empty()) {
    text += reader.feed(stream.substr(0, piece));
    stream.remove_prefix(std::min(piece, stream.size()));
  }
  return {text, reader.state(), reader.result()};
}

}  // namespace

TEST_CASE("a reply is read in pieces of any size, text with newlines and digits included") {
  const std::string stream = control::write_chunk("3\nabc\n0\n") + control::write_chunk("last") +
                             control::write_result({.exit = 1, .error = "because \"x\""});
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    CAPTURE(piece);
    const Read read = read_reply(stream, piece);
    CHECK(read.text == "3\nabc\n0\nlast");
    CHECK(read.state == State::done);
    CHECK(read.result == control::Result{1, "because \"x\""});
  }
}

TEST_CASE("a reply that ends anywhere before its result is not done") {
  const std::string stream =
      control::write_chunk("text") + control::write_result({.exit = 0, .error = {}});
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
