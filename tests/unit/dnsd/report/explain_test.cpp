#include "dnsd/report/explain.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

using dns::RrType;
using dnsd::View;
using Json = nlohmann::json;

/// Sightings of two sources for bob, the stale peer of the fixture.
class TwoSources final : public dnsd::SightingReader {
 public:
  [[nodiscard]] dnsd::PeerSightings sightings(const wg::PublicKey& key) const override {
    dnsd::PeerSightings result;
    if (key != AnswerFixture::key(2)) return result;
    const base::Now now = AnswerFixture::now;
    const auto ago = [&](int seconds, const char* endpoint) {
      const std::chrono::seconds age(seconds);
      return dnsd::Observation{*base::Endpoint::parse(endpoint), now.wall - 2 * age, now.wall - age,
                               now.steady - age};
    };
    result.seen.push_back({"wg0", ago(500, "198.51.100.7:4242"), true});
    result.seen.push_back({"wg1", ago(600, "192.0.2.77:1"), true});
    return result;
  }
};

/// Everybody is in a file of peers.
class SavedFile final : public dnsd::SightingReader {
 public:
  explicit SavedFile(bool is_valid) : is_valid_(is_valid) {}
  [[nodiscard]] dnsd::PeerSightings sightings(const wg::PublicKey& /*key*/) const override {
    dnsd::PeerSightings result;
    result.hint = {"203.0.113.9:1111", "/etc/wireguard/wg0.conf",
                   base::WallTime(std::chrono::seconds(1700000000)), is_valid_};
    return result;
  }

 private:
  bool is_valid_;
};

dnsd::Explanation explain(const AnswerFixture& server, const std::string& name, RrType type,
                          View view, const dnsd::SightingReader& reader = TwoSources()) {
  return {*dns::Name::parse(name), type,         view,   server.responder(),
          *server.zone(),          server.peers, reader, AnswerFixture::now};
}

std::string label(std::uint8_t fill) {
  return schema::key_label(AnswerFixture::key(fill));
}

}  // namespace

TEST_CASE("every outcome is named with its reason, as the listener of that view answers") {
  const AnswerFixture server;
  const std::string z = ".wg.example.org.";
  const struct {
    std::string name;
    RrType type;
    View view;
    const char* rcode;
    const char* outcome;
    const char* reason;
    int exit;
  } rows[] = {
      {"_wireguard._udp." + label(1) + z, RrType::srv, View::public_view, "NOERROR", "hit",
       "there is SRV", 0},
      {"www" + z, RrType::a, View::public_view, "NOERROR", "hit", "there is A", 0},
      {"_wireguard._udp.alice" + z, RrType::srv, View::private_view, "NOERROR", "hit",
       "there is SRV", 0},
      {"_wireguard._udp.alice" + z, RrType::srv, View::public_view, "NXDOMAIN", "nxdomain",
       "neither the zone file nor a peer has this name in this view", 1},
      {label(1) + z, RrType::aaaa, View::public_view, "NOERROR", "nodata",
       "the name exists, without AAAA in this view", 1},
      {label(0xee) + z, RrType::a, View::public_view, "NXDOMAIN", "nxdomain",
       "nobody has registered this key", 1},
      {"x." + label(1) + z, RrType::a, View::public_view, "NXDOMAIN", "nxdomain",
       "the peer has no such name in this view", 1},
      {"host.child" + z, RrType::a, View::public_view, "NOERROR", "referral",
       "a part of the zone that is delegated", 1},
      {"example.com.", RrType::a, View::public_view, "REFUSED", "refused",
       "outside wg.example.org.", 1},
      {"wg.example.org.", RrType::axfr, View::private_view, "REFUSED", "refused",
       "AXFR is refused to everybody", 1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const dnsd::Explanation explanation = explain(server, row.name, row.type, row.view);
    const auto json = Json::parse(explanation.json());
    CHECK(json["rcode"] == row.rcode);
    CHECK(json["outcome"] == row.outcome);
    CHECK(json["reason"].get<std::string>().find(row.reason) == 0);
    CHECK(explanation.exit_code() == row.exit);
    const std::string text = explanation.text();
    CHECK(text.find(std::string("status: ") + row.rcode) != std::string::npos);
    CHECK(text.find(std::string("outcome    ") + row.outcome) != std::string::npos);
  }
}

TEST_CASE("a key that no source has told of yet is said to be unknown, not absent") {
  AnswerFixture server;
  server.set_not_ready();
  server.rebuild();
  const auto json = Json::parse(
      explain(server, label(0xee) + ".wg.example.org", RrType::a, View::public_view).json());
  CHECK(json["rcode"] == "SERVFAIL");
  CHECK(json["outcome"] == "failed");
  CHECK(json["extended_error"] == 14);
  CHECK(json["peer"]["registered"] == false);
}

TEST_CASE("a peer's answer says who saw it, when, and which sighting is published") {
  const AnswerFixture server;
  for (const std::string& name : {"_wireguard._udp." + label(2) + ".wg.example.org",
                                  std::string("_wireguard._udp.bob.wg.example.org")}) {
    CAPTURE(name);
    const dnsd::Explanation explanation = explain(server, name, RrType::srv, View::private_view);
    const auto json = Json::parse(explanation.json());
    CHECK(json["extended_error"] == 3);
    CHECK(json["answer"].back()["type"] == "SRV");
    CHECK(json["answer"].back()["ttl"] == 1);
    CHECK(json["answer"].back()["data"] ==
          "10 0 4242 198-51-100-7." + label(2) + ".wg.example.org.");
    CHECK(json["additional"].size() == 2);
    const auto& peer = json["peer"];
    CHECK(peer["public_key"] == AnswerFixture::key(2).to_base64());
    CHECK(peer["name"] == "bob");
    CHECK(peer["stale"] == true);
    REQUIRE(peer["seen"].size() == 2);
    CHECK(peer["seen"][0]["source"] == "wg0");
    CHECK(peer["seen"][0]["last_seen"] == 1700000500);
    CHECK(peer["seen"][0]["published"] == true);
    CHECK(peer["seen"][1]["published"] == false);
    const std::string text = explanation.text();
    const std::string seen =
        "seen       198.51.100.7:4242 by wg0, there since 2023-11-14T22:13:20Z, last at "
        "2023-11-14T22:21:40Z (500 s ago, stale): published\n";
    for (const char* part : {"extended error: 3 (stale answer)", "(bob), stale\n", seen.c_str(),
                             "by wg1", ": not published\n"}) {
      CAPTURE(part);
      CHECK(text.find(part) != std::string::npos);
    }
  }
}

TEST_CASE("a peer that was never seen, and one that the configuration places") {
  const AnswerFixture server;
  const std::string carol = label(3) + ".wg.example.org";
  CHECK(explain(server, carol, RrType::a, View::public_view).text().find("seen       never") !=
        std::string::npos);
  const std::string dave = "_wireguard._udp." + label(4) + ".wg.example.org";
  CHECK(explain(server, dave, RrType::srv, View::public_view)
            .text()
            .find("fixed      vpn.example.net.:51820") != std::string::npos);
}

TEST_CASE("a hint is told with its file and its age") {
  const AnswerFixture server;
  const std::string carol = label(3) + ".wg.example.org";
  for (const bool is_valid : {true, false}) {
    CAPTURE(is_valid);
    const auto told = explain(server, carol, RrType::a, View::private_view, SavedFile(is_valid));
    CHECK(told.text().find("hint       203.0.113.9:1111 from /etc/wireguard/wg0.conf, as old as "
                           "2023-11-14T22:13:20Z: " +
                           std::string(is_valid ? "published while no source has seen the peer\n"
                                                : "too old (expire-after)")) != std::string::npos);
    const auto hint = Json::parse(told.json())["peer"]["hint"];
    CHECK(hint["file"] == "/etc/wireguard/wg0.conf");
    CHECK(hint["time"] == 1700000000);
    CHECK(hint["valid"] == is_valid);
  }
}

TEST_CASE("a question is a domain name or a public key") {
  const dns::Name apex = *dns::Name::parse("wg.example.org.");
  const auto key = AnswerFixture::key(2);
  CHECK(dnsd::parse_question_name(key.to_base64(), apex) == schema::service_name(key, apex));
  CHECK(dnsd::parse_question_name("a.example.", apex) == dns::Name::parse("a.example."));
  CHECK(dnsd::parse_question_name(".", apex) == dns::Name());
  CHECK_FALSE(dnsd::parse_question_name("a..b", apex).has_value());
  CHECK_FALSE(dnsd::parse_question_name("", apex).has_value());
}
