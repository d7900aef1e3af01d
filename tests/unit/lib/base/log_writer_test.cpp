#include "base/log_writer.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file_descriptor.hpp"

namespace {

using std::chrono::milliseconds;
constexpr milliseconds generous{20000};

std::string told(std::uint64_t lines) {
  return "dropped " + std::to_string(lines) + "\n";
}

/// A pipe of one page, that nobody reads at first.
struct SmallPipe {
  SmallPipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    reader = base::FileDescriptor(ends[0]);
    writer = base::FileDescriptor(ends[1]);
    REQUIRE(::fcntl(writer.get(), F_SETPIPE_SZ, 4096) == 4096);
  }
  /// Reads until the text ends so. Blocks.
  std::string read_until(const std::string& end) const {
    std::string text;
    std::array<char, 4096> piece{};
    while (!text.ends_with(end)) {
      const ssize_t size = ::read(reader.get(), piece.data(), piece.size());
      REQUIRE(size > 0);
      text.append(piece.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

  base::FileDescriptor reader;
  base::FileDescriptor writer;
};

TEST_CASE("a pipe that is read gets every line in its order") {
  const SmallPipe pipe;
  base::LogWriter log(pipe.writer.get(), told);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    log.write(line);
    expected += line;
  }
  CHECK(pipe.read_until("line 999\n") == expected);
  CHECK(log.flush(generous));
}

TEST_CASE("a pipe that nobody reads holds nobody up; what did not fit is counted in its place") {
  const SmallPipe pipe;
  constexpr std::size_t room = 10050;
  constexpr std::size_t line_size = 100;
  base::LogWriter log(pipe.writer.get(), told, room);
  constexpr std::size_t sent = 1000;
  for (std::size_t i = 0; i < sent; ++i) {
    std::string line = std::to_string(i) + " ";
    line.resize(line_size - 1, 'x');
    log.write(line + "\n");
  }
  log.write("1000 short\n");  // would have room, but its place is behind those that had not
  CHECK_FALSE(log.flush(milliseconds(1)));

  // Each line, or the number of those that had no room, at its place. There is a second gap where
  // the thread first took lines after a first one.
  std::size_t kept = 0;
  std::size_t next = 0;
  std::string text;
  while (next <= sent) {
    text += pipe.read_until("\n");
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      const std::string line = text.substr(0, end);
      text.erase(0, end + 1);
      if (line.starts_with("dropped ")) {
        next += std::stoul(line.substr(line.find(' ')));
      } else {
        REQUIRE(line.substr(0, line.find(' ')) == std::to_string(next));
        ++next;
        ++kept;
      }
    }
  }
  CHECK(next == sent + 1);
  CHECK(kept >= room / line_size);
  CHECK(kept < sent / 2);
  CHECK(log.flush(generous));
  log.write("again\n");
  CHECK(pipe.read_until("again\n") == "again\n");
}

TEST_CASE("a log that is given up while its thread waits for the reader") {
  const SmallPipe pipe;
  {
    base::LogWriter log(pipe.writer.get(), told);
    for (int i = 0; i < 100; ++i) log.write(std::string(99, 'x') + "\n");
    log.write("last\n");
  }
  CHECK(pipe.read_until("last\n").size() == 100 * 100 + 5);
}

TEST_CASE("a reader that has gone is no reason to stop") {
  SmallPipe pipe;
  (void)std::signal(SIGPIPE, SIG_IGN);
  base::LogWriter log(pipe.writer.get(), told);
  pipe.reader = base::FileDescriptor();
  log.write("to nobody\n");
  CHECK(log.flush(generous));
}

TEST_CASE("a pipe that somebody made non-blocking loses nothing") {
  const SmallPipe pipe;
  REQUIRE(::fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK) == 0);
  base::LogWriter log(pipe.writer.get(), told);
  for (int i = 0; i < 100; ++i) log.write(std::string(99, 'x') + "\n");
  log.write("last\n");
  CHECK(pipe.read_until("last\n").size() == 100 * 100 + 5);
}

TEST_CASE("a file gets its line at once; a full disk costs lines, which are counted") {
  std::string path = (std::filesystem::temp_directory_path() / "log-writer-XXXXXX").string();
  const base::FileDescriptor file(::mkstemp(path.data()));
  REQUIRE(file);
  const auto text = [&] {
    std::string all(10000, '\0');
    const ssize_t size = ::pread(file.get(), all.data(), all.size(), 0);
    REQUIRE(size >= 0);
    all.resize(static_cast<std::size_t>(size));
    return all;
  };
  base::LogWriter log(file.get(), told);
  log.write("one\n");
  CHECK(text() == "one\n");

  // A limit of this process stands for the disk: 6 octets are left for a line of 10.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  (void)std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{10, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  log.write("two--------\n");
  log.write("three------\n");
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  (void)std::signal(SIGXFSZ, SIG_DFL);
  log.write("four\n");
  CHECK(text() == "one\ntwo---\ndropped 2\nfour\n");
  std::filesystem::remove(path);
}

}  // namespace
