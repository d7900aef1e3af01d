#include "wg/uapi_socket.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "wg/device.hpp"

namespace {

constexpr std::string_view alice =
    "c53201039adba14be71f886da1d8dbe9eebded08cb111b75340078999aa9f038";
constexpr std::string_view boringtun = "own_public_key={}\npublic_key={}\nerrno=0\n\n";

/// A folder for sockets, removed at the end of the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "wg-test-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

int listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const void* raw = &address;
  REQUIRE(::bind(descriptor, static_cast<const sockaddr*>(raw), sizeof address) == 0);
  REQUIRE(::listen(descriptor, 8) == 0);
  return descriptor;
}

/// A device `wg0` that answers its n-th request with the n-th text, and then closes.
class FakeDevice {
 public:
  FakeDevice(const std::string& folder, std::vector<std::string> answers)
      : answers_(std::move(answers)),
        descriptor_(listen_at(folder + "/wg0.sock")),
        thread_([this] { serve(); }) {}
  ~FakeDevice() {
    stop();
    ::close(descriptor_);
  }
  FakeDevice(const FakeDevice&) = delete;
  FakeDevice& operator=(const FakeDevice&) = delete;

  /// Call after the client has received the answers.
  [[nodiscard]] const std::vector<std::string>& requests() {
    stop();
    return requests_;
  }

 private:
  void stop() {
    ::shutdown(descriptor_, SHUT_RDWR);  // ends accept() if fewer clients came than expected
    if (thread_.joinable()) thread_.join();
  }

  void serve() {
    for (const std::string& answer : answers_) {
      const int client = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      std::string request;
      std::array<char, 4096> piece{};
      while (!request.ends_with("\n\n")) {
        const ssize_t size = ::recv(client, piece.data(), piece.size(), 0);
        if (size <= 0) break;
        request.append(piece.data(), static_cast<std::size_t>(size));
      }
      requests_.push_back(request);
      std::string_view rest(answer);
      while (!rest.empty()) {
        const ssize_t size = ::send(client, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (size <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(size));
      }
      ::close(client);
    }
  }

  std::vector<std::string> answers_;
  std::vector<std::string> requests_;
  int descriptor_;
  std::thread thread_;
};

const wg::PublicKey key = *wg::PublicKey::parse_hex(alice);
const std::array<wg::PeerUpdate, 1> updates = {{{key, std::nullopt, std::chrono::seconds(25)}}};

TEST_CASE("a device is read through its socket, in however many pieces") {
  const Folder folder;
  std::string answer = "listen_port=7\n";
  for (unsigned i = 0; i < 5000; ++i)
    answer += fmt::format("public_key={:064x}\nallowed_ip=10.0.0.0/8\n", i + 1);
  FakeDevice fake(folder.path(), {answer + "errno=0\n\n"});
  const auto device = wg::read_uapi_device("wg0", folder.path());
  REQUIRE(device.has_value());
  CHECK(device->name == "wg0");
  CHECK(device->listen_port == base::Port{7});
  CHECK(device->peers.size() == 5000);
  CHECK(fake.requests() == std::vector<std::string>{"get=1\n\n"});
}

TEST_CASE("a device is set with one request") {
  const Folder folder;
  FakeDevice fake(folder.path(), {"errno=0\n\n"});
  CHECK(wg::set_uapi_peers("wg0", updates, folder.path()).has_value());
  CHECK(fake.requests() ==
        std::vector<std::string>{fmt::format("set=1\npublic_key={}\nupdate_only=true\n"
                                             "persistent_keepalive_interval=25\n\n",
                                             alice)});
}

TEST_CASE("boringtun is told apart when it refuses, and named") {
  const Folder folder;
  FakeDevice fake(folder.path(),
                  {"errno=22\n\n", fmt::format(fmt::runtime(boringtun), alice, alice)});
  const auto done = wg::set_uapi_peers("wg0", updates, folder.path());
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().kind == wg::DeviceError::Kind::read_only);
  CHECK(done.error().message.starts_with("wg0: it is run by boringtun"));
  CHECK(fake.requests().size() == 2);
}

TEST_CASE("every other refusal is passed on") {
  const Folder folder;
  FakeDevice fake(folder.path(), {"errno=-22\n\n", "errno=0\n\n", "errno=-5\n\n"});
  const auto done = wg::set_uapi_peers("wg0", updates, folder.path());
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().kind == wg::DeviceError::Kind::system);
  CHECK(done.error().code == std::errc::invalid_argument);
  const auto device = wg::read_uapi_device("wg0", folder.path());
  REQUIRE_FALSE(device.has_value());
  CHECK(device.error().code == std::errc::io_error);
}

TEST_CASE("answers that are not the protocol") {
  for (const std::string answer :
       {"", "HTTP/1.1 400 Bad Request\r\n\r\n", "\n\n", "listen_port=1\n"}) {
    CAPTURE(answer);
    const Folder folder;
    FakeDevice fake(folder.path(), {answer});
    const auto device = wg::read_uapi_device("wg0", folder.path());
    REQUIRE_FALSE(device.has_value());
    CHECK(device.error().kind == wg::DeviceError::Kind::protocol);
    CHECK(device.error().message.starts_with("wg0: "));
  }
}

TEST_CASE("an answer before the whole request was sent counts") {
  const Folder folder;
  const int listener = listen_at(folder.path() + "/wg0.sock");
  std::thread server([&] {
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    const std::string_view answer = "errno=-22\n\n";
    CHECK(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL) > 0);
    ::shutdown(client, SHUT_RD);
    std::array<char, 4096> piece{};
    while (::recv(client, piece.data(), piece.size(), 0) > 0) {
    }
    ::close(client);
    ::close(listener);
  });
  const std::vector<wg::PeerUpdate> many(100'000, updates[0]);
  const auto done = wg::set_uapi_peers("wg0", many, folder.path());
  server.join();
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == std::errc::invalid_argument);
}

TEST_CASE("no socket, a dead one, or another file: there is no such device") {
  const Folder folder;
  using Kind = wg::DeviceError::Kind;
  CHECK(wg::read_uapi_device("wg0", folder.path()).error().kind == Kind::no_such_device);
  CHECK(wg::set_uapi_peers("wg0", updates, folder.path()).error().kind == Kind::no_such_device);
  CHECK(wg::read_uapi_device("wg0", folder.path() + "/none").error().kind == Kind::no_such_device);
  ::close(listen_at(folder.path() + "/wg0.sock"));
  CHECK(wg::read_uapi_device("wg0", folder.path()).error().kind == Kind::no_such_device);
  CHECK(std::filesystem::exists(folder.path() + "/wg0.sock"));  // it belongs to another program
}

TEST_CASE("a path that no socket can have is an error, not a cut path") {
  const auto device = wg::read_uapi_device("wg0", "/" + std::string(108, 'x'));
  REQUIRE_FALSE(device.has_value());
  CHECK(device.error().code == std::errc::filename_too_long);
}

TEST_CASE("only live sockets are listed") {
  const Folder folder;
  CHECK(wg::list_uapi_devices(folder.path() + "/none").empty());
  CHECK(wg::list_uapi_devices(folder.path()).empty());
  const int live = listen_at(folder.path() + "/wg0.sock");
  const int other = listen_at(folder.path() + "/wg1.socket");
  ::close(listen_at(folder.path() + "/dead.sock"));
  CHECK(wg::list_uapi_devices(folder.path()) == std::vector<std::string>{"wg0"});
  ::close(live);
  ::close(other);
}

TEST_CASE("names that no interface has are refused before anything is opened") {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("../x"),
        std::string("a b"), std::string("a\n"), std::string("a:1"), std::string("a\0b", 3),
        std::string(16, 'a')}) {
    CAPTURE(name);
    CHECK(wg::read_device(name).error().kind == wg::DeviceError::Kind::bad_name);
    CHECK(wg::set_peers(name, updates).error().kind == wg::DeviceError::Kind::bad_name);
  }
  CHECK(wg::read_device(std::string(15, '~')).error().kind != wg::DeviceError::Kind::bad_name);
}

TEST_CASE("a peer is found by its key") {
  wg::Device device;
  CHECK(device.find(key) == nullptr);
  device.peers.resize(2);
  device.peers[1].public_key = key;
  CHECK(device.find(key) == &device.peers[1]);
}

}  // namespace
