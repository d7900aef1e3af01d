#include "dnsd/state/peer_names.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using dnsd::Config;
using dnsd::KnownName;
using dnsd::NameOrigin;
using dnsd::PeerNames;

wg::PublicKey peer_key(std::uint8_t fill) {
  base::Octets32 octets;
  octets.fill(fill);
  return wg::PublicKey(octets);
}

/// Peers with the keys 1, 2, 3 …
Config with_peers(const std::vector<std::pair<std::string, NameOrigin>>& peers) {
  Config config;
  for (const auto& [name, origin] : peers) {
    dnsd::ConfiguredPeer peer;
    peer.public_key = peer_key(static_cast<std::uint8_t>(config.peers.size() + 1));
    peer.name = name;
    peer.name_origin = origin;
    config.peers.push_back(peer);
  }
  return config;
}

std::vector<std::string> names_of(const Config& config) {
  std::vector<std::string> names;
  for (const dnsd::ConfiguredPeer& peer : config.peers) names.push_back(peer.name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("names that wg-quick save erased come back, and make way like comments") {
  Config before = with_peers({{"alice", NameOrigin::comment}, {"bob", NameOrigin::comment}});
  const PeerNames kept = dnsd::restore_names(before, {});
  CHECK(kept == PeerNames{{peer_key(1), {"alice"}}, {peer_key(2), {"bob"}}});

  Config saved = with_peers({{"", NameOrigin::comment}, {"", NameOrigin::comment}});
  CHECK(dnsd::restore_names(saved, kept) == kept);
  CHECK(names_of(saved) == Names{"alice", "bob"});
  CHECK(saved.peers[0].name_origin == NameOrigin::comment);
  CHECK(saved.warnings.empty());
}

TEST_CASE(
    "a comment's new name replaces the one that is known, and a peer that left is forgotten") {
  Config config = with_peers({{"anna", NameOrigin::comment}});
  const PeerNames known{{peer_key(1), {"alice"}}, {peer_key(2), {"bob"}}};
  CHECK(dnsd::restore_names(config, known) == PeerNames{{peer_key(1), {"anna"}}});
  CHECK(names_of(config) == Names{"anna"});
  config.errors.emplace_back("peers.conf:7: a mistake may hide bob");
  CHECK(dnsd::restore_names(config, known) ==
        PeerNames{{peer_key(1), {"anna"}}, {peer_key(2), {"bob"}}});
}

TEST_CASE("a given name goes before comments and added peers, and YAML before a given name") {
  const PeerNames known{{peer_key(1), {"given", true}}};
  for (const NameOrigin origin : {NameOrigin::comment, NameOrigin::added}) {
    Config config = with_peers({{"other", origin}});
    CHECK(dnsd::restore_names(config, known) == known);
    CHECK(names_of(config) == Names{"given"});
    CHECK(config.peers[0].name_origin == NameOrigin::given);
  }
  Config config = with_peers({{"other", NameOrigin::yaml}});
  CHECK(dnsd::restore_names(config, known).empty());
  CHECK(names_of(config) == Names{"other"});
  config = with_peers({{"", NameOrigin::yaml}});  // it has the peer, without a name
  CHECK(dnsd::restore_names(config, known) == known);
  CHECK(names_of(config) == Names{"given"});
}

TEST_CASE("the label of tunnel names is no name of a peer") {
  Config config = with_peers({{"", NameOrigin::comment}});
  (void)dnsd::restore_names(config, {{peer_key(1), {"Tunnel"}}});
  CHECK(names_of(config) == Names{"Tunnel-2"});
}

TEST_CASE("a name that is taken gets a number, the weaker one") {
  SUBCASE("of a phone with a new key the file's is the name") {
    Config config = with_peers({{"", NameOrigin::comment}, {"Phone", NameOrigin::comment}});
    const PeerNames known{{peer_key(1), {"phone"}}};
    CHECK(dnsd::restore_names(config, known) ==
          PeerNames{{peer_key(1), {"phone-2"}}, {peer_key(2), {"Phone"}}});
    REQUIRE(config.warnings.size() == 1);
    CHECK(config.warnings[0] == "the name 'phone' is taken: (AQEB…BAQE) is 'phone-2'");
  }
  SUBCASE("a comment yields to a given name, and that to YAML") {
    Config config = with_peers({{"bob", NameOrigin::comment},
                                {"", NameOrigin::comment},
                                {"carol", NameOrigin::yaml},
                                {"", NameOrigin::comment}});
    const PeerNames known{{peer_key(2), {"bob", true}}, {peer_key(4), {"carol", true}}};
    const PeerNames kept = dnsd::restore_names(config, known);
    CHECK(names_of(config) == Names{"bob-2", "bob", "carol", "carol-2"});
    CHECK(kept.at(peer_key(4)) == KnownName{"carol", true});  // until the YAML's is another one
    CHECK(config.warnings.size() == 2);
  }
}
