#include "dnsd/serve/tcp_framing.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using Octets = std::vector<std::uint8_t>;

Octets framed(const std::vector<Octets>& messages) {
  Octets stream;
  for (const Octets& message : messages) {
    stream.push_back(static_cast<std::uint8_t>(message.size() >> 8U));
    stream.push_back(static_cast<std::uint8_t>(message.size()));
    stream.insert(stream.end(), message.begin(), message.end());
  }
  return stream;
}

// All messages that come out when the pieces arrive one after the other.
std::vector<Octets> read_all(const std::vector<Octets>& pieces) {
  dnsd::TcpFraming framing;
  std::vector<Octets> messages;
  for (const Octets& piece : pieces) {
    framing.append(piece);
    while (const auto message = framing.next())
      messages.emplace_back(message->begin(), message->end());
    framing.compact();
  }
  return messages;
}

const std::vector<Octets> two_messages{{1, 2, 3, 4, 5}, {6, 7}};

}  // namespace

TEST_CASE("messages are found wherever the stream is split") {
  const Octets stream = framed(two_messages);
  for (std::size_t split = 0; split <= stream.size(); ++split) {
    CAPTURE(split);
    const auto middle = stream.begin() + static_cast<std::ptrdiff_t>(split);
    CHECK(read_all({Octets(stream.begin(), middle), Octets(middle, stream.end())}) == two_messages);
  }
}

TEST_CASE("messages are found octet by octet") {
  std::vector<Octets> pieces;
  for (const std::uint8_t octet : framed(two_messages)) pieces.push_back({octet});
  CHECK(read_all(pieces) == two_messages);
}

TEST_CASE("many messages in one piece come out in order, the last one when it is whole") {
  std::vector<Octets> messages;
  for (std::uint8_t i = 0; i < 100; ++i) messages.push_back(Octets(i, i));
  Octets stream = framed(messages);
  CHECK(read_all({stream}) == messages);
  stream.pop_back();
  messages.pop_back();
  CHECK(read_all({stream}) == messages);
}

TEST_CASE("empty and largest messages") {
  const std::vector<Octets> messages{{}, Octets(65535, 7), {}};
  CHECK(read_all({framed(messages)}) == messages);
}

TEST_CASE("an announced length alone takes no memory, and is waited for") {
  dnsd::TcpFraming framing;
  framing.append(Octets{0xff, 0xff, 1});
  CHECK_FALSE(framing.next());
  CHECK(framing.waiting() == 3);
}
