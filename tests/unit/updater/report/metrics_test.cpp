#include "updater/report/metrics.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/updater/rig.hpp"

namespace {

using one_machine::Rig;
using namespace samples;
using State = updater::DirectPeer::State;
using updater::Metrics;

using one_machine::bob;

updater::Report make_report() {
  updater::Report report;
  report.interface = "wg\"0";
  updater::PeerReport hub;
  hub.state = "hub";
  updater::PeerReport peer;
  peer.state = "waiting";
  peer.hopeless = "both NATs are symmetric";
  peer.name = "bob";
  peer.key = one_machine::bob;
  report.peers = {hub, peer};
  return report;
}

/// Whether the text has this sample of the interface.
bool has(const Metrics& metrics, const std::string& sample) {
  std::string labelled = sample;
  const std::size_t brace = labelled.find('{');
  const std::string label = R"(interface="wg\"0")";
  if (brace == std::string::npos) {
    labelled.insert(labelled.find(' '), "{" + label + "}");
  } else {
    labelled.insert(brace + 1, label + ",");
  }
  return metrics.write(make_report()).find("\nwg_updater_" + labelled + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("the time to direct runs from the appearance of a peer, and from its loss") {
  Metrics metrics;
  metrics.meet(at(0).steady, bob);
  metrics.count_step(at(0).steady, bob, State::waiting, State::punching);
  metrics.count_step(at(0.7).steady, bob, State::punching, State::direct);
  CHECK(has(metrics, "time_to_direct_seconds_bucket{le=\"0.5\"} 0"));
  CHECK(has(metrics, "time_to_direct_seconds_bucket{le=\"1\"} 1"));
  CHECK(has(metrics, "time_to_direct_seconds_bucket{le=\"+Inf\"} 1"));
  CHECK(has(metrics, "time_to_direct_seconds_sum 0.7"));
  CHECK(has(metrics, "recoveries_total{after=\"loss\"} 0"));
  metrics.count_step(at(10).steady, bob, State::direct, State::suspect);
  metrics.count_step(at(20).steady, bob, State::suspect, State::punching);
  CHECK(has(metrics, "losses_total 1"));
  CHECK(has(metrics, "flaps_total 1"));
  metrics.count_step(at(5000).steady, bob, State::waiting, State::direct);
  CHECK(has(metrics, "time_to_direct_seconds_bucket{le=\"3600\"} 1"));
  CHECK(has(metrics, "time_to_direct_seconds_count 2"));
  CHECK(has(metrics, "recoveries_total{after=\"loss\"} 1"));
  metrics.count_step(at(6000).steady, bob, State::direct, State::punching);
  CHECK(has(metrics, "losses_total 2"));
  CHECK(has(metrics, "flaps_total 1"));
}

TEST_CASE("a peer that works when it appears was not made to") {
  Metrics metrics;
  metrics.meet(at(0).steady, bob);
  metrics.count_step(at(0).steady, bob, State::waiting, State::direct);
  CHECK(has(metrics, "time_to_direct_seconds_count 0"));
}

TEST_CASE("a peer that is reached through a hub counts by itself, and its moves do") {
  Metrics metrics;
  metrics.meet(at(0).steady, bob);
  metrics.count_step(at(1).steady, bob, State::waiting, State::punching);
  metrics.count_step(at(4).steady, bob, State::punching, State::relayed);
  CHECK(has(metrics, "time_to_relayed_seconds_bucket{le=\"5\"} 1"));
  CHECK(has(metrics, "time_to_direct_seconds_count 0"));
  metrics.count_step(at(5).steady, bob, State::relayed, State::direct);
  metrics.count_step(at(6).steady, bob, State::suspect, State::relayed);
  CHECK(has(metrics, "moves_total{to=\"direct\"} 1"));
  CHECK(has(metrics, "moves_total{to=\"relay\"} 1"));
  CHECK(has(metrics, "losses_total 0"));
  metrics.count_step(at(7).steady, bob, State::relayed, State::waiting);
  CHECK(has(metrics, "losses_total 1"));
  CHECK(has(metrics, "flaps_total 1"));
}

TEST_CASE("the time of each way is counted") {
  Metrics metrics;
  metrics.count_path(at(0).steady, bob, "none");
  metrics.count_path(at(2).steady, bob, "none");
  metrics.count_path(at(7).steady, bob, "relay");
  metrics.count_path(at(8).steady, bob, "direct");
  CHECK(has(metrics, "path_seconds_total{path=\"none\"} 2"));
  CHECK(has(metrics, "path_seconds_total{path=\"relay\"} 5"));
  CHECK(has(metrics, "path_seconds_total{path=\"direct\"} 1"));
  CHECK(has(metrics, "path_seconds_total{path=\"lan\"} 0"));
}

TEST_CASE("suspicions, look-ups and failures are counted by what became of them") {
  Metrics metrics;
  CHECK(has(metrics, "lookups_total{result=\"ok\"} 0"));
  metrics.count_step(at(1).steady, bob, State::direct, State::suspect);
  metrics.count_step(at(2).steady, bob, State::suspect, State::direct);
  metrics.count_step(at(3).steady, bob, State::punching, State::waiting);
  metrics.count_lookup({bob, base::Unexpected(updater::LookupError::timeout), std::nullopt});
  metrics.count_lookup({bob, updater::PublishedEndpoints{{}, dns::Ttl{1}}, std::nullopt});
  metrics.count_hopeless();
  metrics.count_write_failure();
  CHECK(has(metrics, "suspicions_total 1"));
  CHECK(has(metrics, "recoveries_total{after=\"suspicion\"} 1"));
  CHECK(has(metrics, "lookups_total{result=\"ok\"} 1"));
  CHECK(has(metrics, "lookups_total{result=\"timeout\"} 1"));
  for (const char* reason : {"no_answer", "hopeless", "write"})
    CHECK(has(metrics, std::string("failures_total{reason=\"") + reason + "\"} 1"));
  CHECK(has(metrics, "peers{state=\"waiting\"} 1"));
  CHECK(has(metrics, "peers{state=\"hub\"} 1"));
  CHECK(has(metrics, "hopeless_peers 1"));
}

TEST_CASE("the machine counts what happens to its peers") {
  Rig rig(one_machine::smaller);
  const auto counted = [&](const std::string& sample) {
    return has(rig.machine().metrics(), sample);
  };
  rig.connect();
  CHECK(counted("time_to_direct_seconds_count 1"));
  CHECK(counted("lookups_total{result=\"ok\"} 1"));
  (void)rig.fail(0.7, updater::LookupError::timeout);
  CHECK(counted("lookups_total{result=\"timeout\"} 1"));
  rig.pass(1, 20, 1000, 1000);
  CHECK(counted("suspicions_total 0"));
  rig.pass(20, 23, 0, 1000);
  CHECK(counted("suspicions_total 1"));
  rig.pass(23, 24, 1000, 1000);
  CHECK(counted("recoveries_total{after=\"suspicion\"} 1"));
  rig.pass(24, 60, 0, 1000);
  CHECK(counted("losses_total 1"));
  CHECK(counted("failures_total{reason=\"no_answer\"} 1"));
  CHECK(counted("failures_total{reason=\"hopeless\"} 0"));
  for (const auto& key : {one_machine::smaller, bob})
    rig.machine().learn_private(key, {false, schema::NatMapping::varies});
  rig.pass(60, 100, 0, 0);
  CHECK(counted("failures_total{reason=\"hopeless\"} 1"));
}

TEST_CASE("each peer is told with key and name, and whether it is reached") {
  const std::string labels = "{peer=\"" + bob.to_base64() + "\",name=\"bob\"}";
  CHECK(has(Metrics(), "peer_reached" + labels + " 0"));
}
