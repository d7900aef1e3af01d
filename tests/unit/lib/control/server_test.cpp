#include "control/server.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "control/client.hpp"

namespace {

namespace fs = std::filesystem;

/// A folder for this test, removed at its end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "control-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

/// Runs `ask` on another thread while `io` answers on this one.
template <typename Ask>
auto while_answering(asio::io_context& io, Ask ask) {
  auto asked = std::async(std::launch::async, [&] {
    auto result = ask();
    io.stop();
    return result;
  });
  io.restart();
  io.run();
  return asked.get();
}

control::Reply echo(std::string_view request) {
  return {.text = std::string(request), .result = {3, "because"}};
}

}  // namespace

TEST_CASE("a request is answered, with what it prints and how it ends") {
  const Folder folder;
  const std::string path = folder.path("made/control");
  asio::io_context io;
  {
    control::Server server(io, "wg-test", echo);
    REQUIRE(server.open(path));
    std::string printed;
    const auto result = while_answering(io, [&] {
      return control::ask({"wg-test", path}, "hello\n", [&](std::string_view text) {
        printed += text;
        return true;
      });
    });
    REQUIRE(result);
    CHECK(*result == control::Result{3, "because"});
    CHECK(printed == "hello");
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("a long reply is made piece by piece") {
  const Folder folder;
  asio::io_context io;
  control::Server server(io, "wg-test", [](std::string_view) {
    return control::Reply{.text = std::string(200000, 'a'), .more = [left = 3]() mutable {
                            return left-- > 0 ? std::string(100000, 'b') : std::string();
                          }};
  });
  REQUIRE(server.open(folder.path("control")));
  const auto text = while_answering(io, [&] {
    return control::ask_text({"wg-test", folder.path("control")}, "\n");
  });
  REQUIRE(text);
  CHECK(*text == std::string(200000, 'a') + std::string(300000, 'b'));
}

TEST_CASE("clients that say nothing, or read nothing, keep out none that asks") {
  const Folder folder;
  const std::string path = folder.path("control");
  asio::io_context io;
  const std::string large(4U << 20U, 'a');  // more than the socket buffers
  control::Server server(io, "wg-test", [&](std::string_view request) {
    return control::Reply{.text = request == "large" ? large : std::string(request)};
  });
  REQUIRE(server.open(path));
  using Protocol = asio::local::stream_protocol;
  for (const std::string& says : {std::string(), std::string("large\n")}) {
    CAPTURE(says);
    std::vector<Protocol::socket> idle;
    const auto text = while_answering(io, [&] {
      for (int i = 0; i < 40; ++i) {
        idle.emplace_back(io).connect(Protocol::endpoint(path));
        idle.back().send(asio::buffer(says));
        if (i >= 16 && !control::ask_text({"wg-test", path}, "hello\n")) break;
      }
      return control::ask_text({"wg-test", path}, "hello\n");
    });
    CHECK(idle.size() == 40);
    REQUIRE(text);
    CHECK(*text == "hello");
  }
}

TEST_CASE("a program that reads a reply is not ended for one that has asked nothing yet") {
  const Folder folder;
  const std::string path = folder.path("control");
  asio::io_context io;
  const std::string large(4U << 20U, 'a');
  control::Server server(io, "wg-test",
                         [&](std::string_view) { return control::Reply{.text = large}; });
  REQUIRE(server.open(path));
  using Protocol = asio::local::stream_protocol;
  std::vector<Protocol::socket> idle;
  const auto size = while_answering(io, [&] {
    std::size_t taken = 0;
    const auto result = control::ask({"wg-test", path}, "\n", [&](std::string_view text) {
      while (idle.size() < 40) idle.emplace_back(io).connect(Protocol::endpoint(path));
      taken += text.size();
      return true;
    });
    return result ? taken : 0;
  });
  CHECK(size == large.size());
}

TEST_CASE("a program that listens and says nothing is given up, with the reason") {
  const Folder folder;
  const std::string path = folder.path("control");
  asio::io_context io;
  using Protocol = asio::local::stream_protocol;
  const Protocol::acceptor hangs(io, Protocol::endpoint(path));
  const auto asked = control::ask_text({"wg-test", path, std::chrono::seconds(1)}, "\n");
  REQUIRE_FALSE(asked);
  CHECK(asked.error() == "wg-test on " + path +
                             " has sent nothing for 1 s: it is busy, or hangs; look into its log");
}

TEST_CASE("only owner and group may ask, whatever the umask is") {
  const Folder folder;
  asio::io_context io;
  control::Server server(io, "wg-test", echo);
  const mode_t before = ::umask(0077);
  const auto opened = server.open(folder.path("control"));
  ::umask(before);
  REQUIRE(opened);
  struct stat found {};
  REQUIRE(::stat(folder.path("control").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777U) == 0660);
}

TEST_CASE("a socket that somebody answers on stays his; a dead one is replaced, a file is not") {
  const Folder folder;
  const std::string path = folder.path("control");
  asio::io_context io;
  control::Server first(io, "wg-test", echo);
  REQUIRE(first.open(path));
  control::Server second(io, "wg-test", echo);
  const auto refused = second.open(path);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().is_in_use);
  CHECK(refused.error().message == "another wg-test answers on " + path);

  const std::string dead = folder.path("dead");
  {
    control::Server killed(io, "wg-test", echo);
    REQUIRE(killed.open(dead));
    fs::create_hard_link(dead, folder.path("kept"));  // as a killed daemon leaves it
  }
  fs::rename(folder.path("kept"), dead);
  CHECK(second.open(dead));

  const std::string file = folder.path("file");
  std::ofstream(file) << "somebody's";
  control::Server third(io, "wg-test", echo);
  const auto beside = third.open(file);
  REQUIRE_FALSE(beside);
  CHECK_FALSE(beside.error().is_in_use);
  CHECK(beside.error().message.starts_with(file + ": "));
  CHECK(fs::file_size(file) == 10);
}

TEST_CASE("a path that no socket can have is an error on both sides") {
  const std::string path = "/tmp/" + std::string(103, 'x');
  asio::io_context io;
  control::Server server(io, "wg-test", echo);
  const auto opened = server.open(path);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message == path + ": File name too long");
  const auto asked = control::ask_text({"wg-test", path}, "\n");
  REQUIRE_FALSE(asked);
  CHECK(asked.error().starts_with("no wg-test answers on " + path + ": "));
}

TEST_CASE("a program that does not answer is named") {
  const Folder folder;
  const auto asked = control::ask_text({"wg-test", folder.path("none")}, "\n");
  REQUIRE_FALSE(asked);
  CHECK(asked.error() == "no wg-test answers on " + folder.path("none") +
                             ": No such file or directory; --control names another socket");
}
