#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/updater/rig.hpp"
#include "updater/machine.hpp"

// Peers that stopped answering, and the tries to reach them.

using namespace one_machine;

TEST_CASE("a suspect peer that was published elsewhere after its last packet is set there, once") {
  Rig rig(smaller);
  rig.connect();
  rig.pass(1, 20, 1000, 1000);
  rig.pass(20, 23, 0, 1000);
  rig.publish(23.1, {bob_moved});
  const Plan plan = rig.step(23.1);
  CHECK(about_bob(plan.changes) == Lines{"endpoint " + bob_moved + ", kick, keepalive 25 s"});
  CHECK(about_bob(rig.pass(24, 26, 0, 1000)).empty());
}

TEST_CASE("what changed in DNS while the peer was talking is no reason later") {
  Rig rig(smaller);
  rig.connect();
  rig.pass(1, 10, 1000, 1000);
  rig.publish(10, {bob_moved});
  rig.pass(10, 20, 1000, 1000);
  CHECK(!writes_endpoint(rig.pass(20, 30, 0, 1000)));
}

TEST_CASE("a dead peer is punched at what DNS says, then at what worked last") {
  Rig rig(smaller);
  rig.connect();
  rig.pass(1, 20, 1000, 1000);
  rig.publish(20, {bob_moved});
  rig.pass(20, 21, 1000,
           1000);  // data came after the change, so suspicion alone writes nothing
  const auto changes = about_bob(rig.pass(21, 60, 0, 1000));
  REQUIRE(changes.size() >= 2);
  // The session may still be alive. A kick then opens our NAT at once.
  CHECK(changes[0] == "endpoint " + bob_moved + ", kick, keepalive 25 s");
  CHECK(changes[1] == "endpoint " + bob_home + ", kick, keepalive 25 s");
}

TEST_CASE(
    "candidates take turns of 5.6 s, without another kick while WireGuard repeats by itself") {
  Rig rig(smaller);
  rig.set_host({own("192.168.1.5"), own("2001:db8::5")});
  rig.step(0);
  rig.publish(0, {"[2001:db8::9]:51820", bob_home});
  std::vector<std::pair<double, std::string>> seen;
  for (const double now : times(0, 12, 0.25)) {
    if (now == 0.25 || now == 5.25 || now == 10.5) rig.at_bob().tx_bytes += 148;
    for (const std::string& line : about_bob(rig.step(now).changes)) seen.emplace_back(now, line);
  }
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].second == "endpoint [2001:db8::9]:51820, kick, keepalive 25 s");
  CHECK(seen[1].second == "endpoint " + bob_home);
  CHECK(seen[1].first >= 5.6);
  CHECK(seen[1].first < 6);
  CHECK(seen[2].second == "endpoint [2001:db8::9]:51820");
}

TEST_CASE("a kick that sent nothing is repeated within the 5 s, and not for ever") {
  Rig rig(smaller);
  rig.step(0);
  rig.publish(0, {bob_home});
  std::vector<double> kicks;
  for (const double now : times(0, 5.5, 0.25)) {
    if (!about_bob(rig.step(now).changes).empty()) kicks.push_back(now);
  }
  CHECK(kicks == std::vector<double>{0, 1.25, 2.5, 3.75, 5});
}

TEST_CASE("a kick that sent is not repeated") {
  Rig rig(smaller);
  rig.step(0);
  rig.publish(0, {bob_home});
  rig.step(0);
  rig.at_bob().tx_bytes += 148;
  for (const double now : times(0.25, 5.25, 0.25)) CHECK(about_bob(rig.step(now).changes).empty());
}

TEST_CASE("without an answer the tries become rare, and a changed answer starts anew at once") {
  Rig rig(smaller);
  rig.step(0);
  rig.publish(0, {bob_home});
  std::vector<double> tries;
  for (const double now : times(0, 300, 0.25)) {  // nothing is ever sent: each try is a kick
    if (!about_bob(rig.step(now).changes).empty() && now > 20) tries.push_back(now);
  }
  CHECK(tries.size() < 20);
  rig.publish(300, {bob_moved});
  CHECK(about_bob(rig.step(300).changes) ==
        Lines{"endpoint " + bob_moved + ", kick, keepalive 25 s"});
}

TEST_CASE("what WireGuard learned by itself during the punching is left while the peer is heard") {
  Rig rig(smaller);
  rig.step(0);
  rig.publish(0, {bob_home});
  rig.step(0);
  rig.at_bob().tx_bytes += 148;
  rig.step(0.25);
  rig.at_bob().endpoint = endpoint(bob_moved);  // bob's initiation came from another endpoint
  rig.at_bob().rx_bytes += 148;
  rig.at_bob().tx_bytes += 92;
  CHECK(about_bob(rig.step(5.5).changes).empty());
  CHECK(about_bob(rig.step(5.75).changes).empty());
}

TEST_CASE("what an earlier run found good is tried when DNS does not answer") {
  updater::Memory memory;
  memory[bob].last_good = endpoint(bob_home);
  Rig rig(smaller, memory);
  CHECK(about_bob(rig.step(0).changes).empty());
  rig.fail(0.5, LookupError::timeout);
  CHECK(about_bob(rig.step(0.5).changes) ==
        Lines{"endpoint " + bob_home + ", kick, keepalive 25 s"});
}

TEST_CASE("what an earlier run found good is not tried for a key that nobody registers any more") {
  updater::Memory memory;
  memory[bob].last_good = endpoint(bob_home);
  Rig rig(smaller, memory);
  rig.step(0);
  rig.fail(0.5, LookupError::no_such_name);
  CHECK(about_bob(rig.step(0.5).changes).empty());
}

TEST_CASE("a refused endpoint is said once and never set") {
  Rig rig(smaller);
  rig.at_bob().allowed_ips = {prefix("203.0.113.0/24")};
  rig.step(0);
  rig.publish(0, {bob_home});
  unsigned notes = 0;
  for (const double now : times(0, 60, 1)) {
    const Plan plan = rig.step(now);
    CHECK(about_bob(plan.changes).empty());
    notes += static_cast<unsigned>(std::count_if(
        plan.notes.begin(), plan.notes.end(),
        [](const updater::Note& note) { return note.level == updater::Note::Level::trouble; }));
  }
  CHECK(notes == 1);
}

TEST_CASE("a keepalive that was never armed is toggled again") {
  Rig rig(smaller);
  rig.connect();
  rig.pass(1, 10, 1000, 1000);
  const auto changes = about_bob(rig.pass(10, 40, 0, 0));
  CHECK(changes == Lines{"kick, keepalive 25 s"});
}

TEST_CASE("a device that does not take a keepalive is not written to every second") {
  Rig rig(smaller);
  rig.connect();
  rig.at_bob().persistent_keepalive = 0s;
  std::size_t writes = 0;
  for (const double now : times(10, 70, 1)) {
    rig.at_bob().rx_bytes += 1000;
    const Plan plan = rig.machine().step(at(now), rig.device(), {});
    writes += about_bob(plan.changes).size();
  }
  CHECK(writes > 0);
  CHECK(writes <= 10);
}

TEST_CASE("a value that the user sets meanwhile is the user's") {
  Rig rig(smaller);
  rig.connect();
  rig.at_bob().persistent_keepalive = 40s;
  rig.pass(1, 30, 1000, 1000);
  CHECK(rig.at_bob().persistent_keepalive == 40s);
  CHECK(rig.machine().give_back(rig.device()).empty());
}
