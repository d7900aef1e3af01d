#include "dnsd/tunnel/told_expiry.hpp"

#include <doctest/doctest.h>

#include <array>
#include <thread>

#include "dnsd/peers/lan_table.hpp"
#include "dnsd/peers/path_table.hpp"

namespace {

using namespace std::chrono_literals;

schema::LanEndpoints somewhere() {
  return {*base::Endpoint::parse("10.0.0.1:1")};
}

}  // namespace

TEST_CASE("a change is told on the control thread, and what runs out is withdrawn") {
  asio::io_context io;
  dnsd::LanTable table;
  dnsd::PathTable paths;
  const wg::PublicKey key(base::Octets32{1});
  unsigned changes = 0;
  std::thread::id where;
  dnsd::ToldExpiry keeper(io, {&paths, &table}, [&] {
    ++changes;
    where = std::this_thread::get_id();
  });
  // The announcement is so old that it expires 20 ms from now.
  const base::SteadyTime then = base::read_steady() - dnsd::LanTable::lifetime + 20ms;
  std::thread other([&] {
    CHECK(table.announce(key, somewhere(), then) == dnsd::LanTable::Verdict::changed);
    keeper.note_change();
  });
  other.join();
  CHECK(changes == 0);
  io.run_one();
  CHECK(changes == 1);
  CHECK(where == std::this_thread::get_id());
  CHECK(table.find(key) != nullptr);
  io.run();  // returns: no timer is left
  CHECK(changes == 2);
  CHECK(table.find(key) == nullptr);
}

TEST_CASE("what two tables hold is withdrawn when it is due, in whichever it is") {
  asio::io_context io;
  dnsd::LanTable table;
  dnsd::PathTable paths;
  const wg::PublicKey key(base::Octets32{1});
  unsigned changes = 0;
  dnsd::ToldExpiry keeper(io, {&paths, &table}, [&] { ++changes; });
  const base::SteadyTime then = base::read_steady() - dnsd::LanTable::lifetime + 20ms;
  const schema::PathEdit edit{schema::PathEdit::Kind::add, {wg::PublicKey(base::Octets32{2})}};
  CHECK(paths.apply(key, std::array{edit}, 1, then) == dnsd::PathTable::Verdict::changed);
  CHECK(table.announce(key, somewhere(), then + 20ms) == dnsd::LanTable::Verdict::changed);
  keeper.note_change();
  io.run();
  CHECK(changes == 3);
  CHECK(paths.find(key) == nullptr);
  CHECK(table.find(key) == nullptr);
}
