#include "dnsd/tunnel/told_expiry.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "dnsd/peers/lan_table.hpp"

namespace {

using namespace std::chrono_literals;

schema::LanEndpoints somewhere() {
  return {*base::Endpoint::parse("10.0.0.1:1")};
}

}  // namespace

TEST_CASE("a change is told on the control thread, and what runs out is withdrawn") {
  asio::io_context io;
  dnsd::LanTable table;
  const wg::PublicKey key(base::Octets32{1});
  unsigned changes = 0;
  std::thread::id where;
  dnsd::ToldExpiry keeper(io, {&table}, [&] {
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
