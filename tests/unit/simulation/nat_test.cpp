#include "tests/simulation/nat.hpp"

#include <doctest/doctest.h>

#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using model::Nat;
using model::NatKind;

const auto outside = endpoint("203.0.113.1:40001");
const auto hub = endpoint("198.51.100.1:51820");
const auto hub_other_port = endpoint("198.51.100.1:53");
const auto stranger = endpoint("192.0.2.9:7");

}  // namespace

TEST_CASE("each kind of NAT maps and filters as its name says") {
  const struct {
    NatKind kind;
    bool same_port;   ///< towards a second destination
    bool other_port;  ///< of an address that was sent to comes in
    bool others;      ///< who were not sent to come in
    bool same_after;  ///< a stranger's packet came first: the answer leaves from the same port
  } rows[] = {
      {NatKind::cone, true, false, false, true},
      {NatKind::symmetric, false, false, false, false},
      {NatKind::firewall, true, false, false, true},
      {NatKind::none, true, true, true, true},
      {NatKind::cone_eif, true, true, true, true},
      {NatKind::cone_adf, true, true, false, true},
      {NatKind::accepting, true, false, false, false},
      {NatKind::double_nat, true, false, false, true},
  };
  for (const auto& row : rows) {
    CAPTURE(to_string(row.kind));
    Nat nat(row.kind, outside);
    CHECK(nat.accepts(hub, outside, 0) == (row.kind == NatKind::none));
    const auto seen = nat.send(hub, 0);
    CHECK(seen.address == outside.address);
    CHECK(nat.accepts(hub, seen, 1));
    CHECK(nat.accepts(hub_other_port, seen, 1) == row.other_port);
    CHECK(nat.receive(stranger, seen, 1) == row.others);
    CHECK((nat.send(endpoint("192.0.2.1:1"), 1) == seen) == row.same_port);
    CHECK((nat.send(stranger, 2) == seen) == row.same_after);
  }
}

TEST_CASE("a mapping lives as long as it is used, and a rebinding makes another one") {
  for (const NatKind kind : {NatKind::cone, NatKind::symmetric, NatKind::cone_eif,
                             NatKind::cone_adf, NatKind::accepting, NatKind::double_nat}) {
    CAPTURE(to_string(kind));
    Nat nat(kind, outside, 30);
    const auto seen = nat.send(hub, 0);
    CHECK(nat.receive(hub, seen, 29));
    CHECK(nat.accepts(hub, seen, 59));
    CHECK(!nat.accepts(hub, seen, 60));
    (void)nat.send(hub, 60);
    nat.rebind();
    CHECK(!nat.accepts(hub, seen, 60));
    CHECK(nat.send(hub, 60) != seen);
  }
  Nat slow(NatKind::cone, outside, 180);
  const auto seen = slow.send(hub, 0);
  CHECK(slow.accepts(hub, seen, 179));
}

TEST_CASE("what comes unasked takes the port of an accepting box, for as long as a mapping lives") {
  Nat nat(NatKind::accepting, outside);
  CHECK(!nat.receive(stranger, outside, 0));
  const auto seen = nat.send(stranger, 1);
  CHECK(seen != outside);
  CHECK(nat.receive(stranger, seen, 2));
  CHECK(nat.send(hub, 2) == outside);  // others see the same port as ever
  CHECK(nat.send(stranger, 100) == outside);
}
