#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "dnsd/registry/registry.hpp"
#include "tests/unit/dnsd/registry/registry_fixture.hpp"

using namespace registry_test;

namespace {

// In the file of peers that wg-quick saved.
dnsd::ConfiguredPeer in_file(const wg::PublicKey& key, const std::string& place, int file_second) {
  dnsd::ConfiguredPeer peer = configured(key, "", place);
  peer.endpoint_file = std::make_shared<const dnsd::EndpointFile>(
      dnsd::EndpointFile{"/etc/wireguard/wg0.conf", at(file_second).wall});
  return peer;
}

// A registry that reads the configuration at second 0, with one interface.
class Saved : public Fixture {
 public:
  void load(const std::vector<dnsd::ConfiguredPeer>& peers, int second = 0) {
    registry.begin_configuration({seconds(180), seconds(86400), false}, std::vector{wg0},
                                 at(second));
    for (const auto& peer : peers) registry.configure(peer);
    registry.end_configuration();
  }
};

}  // namespace

TEST_CASE("an endpoint in a file of peers is a hint where a source has the peer, and ages") {
  Saved f;
  f.load({in_file(alice, "192.0.2.1:1", -300), in_file(bob, "192.0.2.2:2", -90000)});
  // Until the interface was read it may have any peer.
  CHECK(f.record() == "192.0.2.1:1 - - -300");
  CHECK(f.record(bob) == "- - - -");
  f.registry.list(wg0, alice, {});
  (void)f.registry.take_touched();
  f.registry.note_read(wg0);
  CHECK(f.registry.take_touched().size() == 2);
  CHECK(f.record() == "192.0.2.1:1 - - -300");
  CHECK(f.record(bob) == "192.0.2.2:2 - - -");  // no source has it: the operator's word
  CHECK(f.registry.hint(alice)->file->path == "/etc/wireguard/wg0.conf");
  CHECK(f.registry.hint(alice)->is_valid);
  CHECK_FALSE(f.registry.fixed(alice).has_value());
  CHECK_FALSE(f.registry.hint(bob).has_value());
  CHECK(f.registry.fixed(bob) == endpoint("192.0.2.2:2"));
  CHECK(f.registry.next_deadline() == at(86400 - 300).steady);
  f.registry.tick(at(86400 - 301));
  CHECK(f.record() == "192.0.2.1:1 - - -300");
  f.registry.tick(at(86400 - 300));
  CHECK(f.record() == "- - - -");
  CHECK_FALSE(f.registry.hint(alice)->is_valid);
  CHECK(f.record(bob) == "192.0.2.2:2 - - -");
  // The file was saved again.
  f.load({in_file(alice, "192.0.2.7:7", 86390)}, 86400);
  CHECK(f.record() == "192.0.2.7:7 - - 86390");
  // A source that has the peer no more leaves it to the file.
  f.registry.unlist(wg0, alice);
  CHECK(f.record() == "192.0.2.7:7 - - -");
}

TEST_CASE("an observation ends a hint for good: stale, expired, and after a restart") {
  Saved f;
  f.load({in_file(alice, "192.0.2.1:1", -5)});
  f.registry.note_read(wg0);
  f.see(wg0, alice, "203.0.113.1:1", 0);
  CHECK(f.record() == "203.0.113.1:1 - 0 -");
  f.registry.tick(at(180));
  CHECK(f.record() == "203.0.113.1:1 - 0 0");
  f.registry.tick(at(86400));
  CHECK(f.record() == "- - - -");
  f.load({in_file(alice, "192.0.2.1:1", 86399)}, 86400);  // wg-quick saved what it still had
  CHECK(f.record() == "- - - -");
  const auto saved = f.registry.saved(wg0, alice);
  CHECK_FALSE(saved->sighting.has_value());
  CHECK(saved->was_seen);

  Saved next;
  next.load({in_file(alice, "192.0.2.1:1", 86399)}, 86401);
  next.registry.restore(wg0, *saved, at(86401));
  CHECK(next.record() == "- - - -");
  // Of the other family, too: it is older than any observation.
  Saved other;
  other.load({in_file(alice, "[2001:db8::1]:1", -5)});
  other.see(wg0, alice, "203.0.113.1:1", 0);
  CHECK(other.record() == "203.0.113.1:1 - 0 -");
}

TEST_CASE("a host name in a file of peers follows the same rule") {
  dnsd::ConfiguredPeer peer = in_file(alice, "192.0.2.1:1", -5);
  peer.endpoint = wg::HostEndpoint{"vpn.example.org", base::Port{7}};
  Saved f;
  f.load({peer});
  f.registry.list(wg0, alice, {});
  f.registry.note_read(wg0);
  const auto host = [&] { return f.registry.record(alice)->detail->host_target.has_value(); };
  CHECK(host());
  CHECK(f.registry.hint(alice)->place == "vpn.example.org.:7");
  f.see(wg0, alice, "203.0.113.1:1", 0);
  CHECK_FALSE(host());
  f.registry.unlist(wg0, alice);
  CHECK(host());
  peer.endpoint_file = nullptr;  // fixed
  f.load({peer});
  f.see(wg0, alice, "203.0.113.1:1", 0);
  CHECK(host());
}

TEST_CASE("with a built-in point every endpoint in a file of peers is a hint") {
  Saved f;
  f.registry.set_point(wg0, endpoint("198.51.100.1:51820"));
  f.load({in_file(alice, "192.0.2.1:1", -5), configured(bob, "", "192.0.2.2:2")});
  CHECK(f.record() == "192.0.2.1:1 - - -5");
  CHECK(f.record(bob) == "192.0.2.2:2 - - -");
  f.registry.tick(at(86400));
  CHECK(f.record() == "- - - -");
  CHECK(f.record(bob) == "192.0.2.2:2 - - -");
}
