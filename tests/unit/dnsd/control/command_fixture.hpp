#pragma once

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dnsd/control/command_context.hpp"
#include "dnsd/state/state_store.hpp"
#include "dnsd/tunnel/peer_updates.hpp"
#include "noise/crypto.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"
#include "tests/unit/dnsd/free_port.hpp"

/// A daemon as the commands see it. Zone, peers and answers are those of AnswerFixture. The
/// built-in points are real ones on loopback. No socket listens until the test asks for it. The
/// configuration is not read again: reloads are only counted.
class CommandFixture {
 public:
  CommandFixture() {
    config.zone = *dns::Name::parse("wg.example.org.");
    config.state_dir = folder_.path;
    zone_source.name_servers.push_back(
        {*dns::Name::parse("ns1.wg.example.org."), {*base::IpAddress::parse("203.0.113.77")}});
  }

  /// Opens the points of the configuration again.
  void open_points() {
    const auto opened = observatory.reload(config);
    REQUIRE(opened.has_value());
  }
  /// Adds a point to the configuration. \return the endpoint that it listens on.
  base::Endpoint add_point(const std::string& address,
                           const std::vector<std::string>& inside = {}) {
    const base::Endpoint place{*base::IpAddress::parse(address), free_port()};
    dnsd::ConfiguredPoint point{.listen = place, .key_file = {}, .tunnel_addresses = {}};
    for (const std::string& one : inside)
      point.tunnel_addresses.push_back(*base::IpAddress::parse(one));
    config.points.push_back(std::move(point));
    open_points();
    return place;
  }
  [[nodiscard]] wg::PublicKey point_key() const {
    return observatory.points().opened().front()->public_key();
  }

  [[nodiscard]] dnsd::CommandContext context() {
    return {.config = config,
            .peers = server.peers,
            .live = *server.live,
            .observatory = observatory,
            .zone_source = zone_source,
            .published = server.zones(),
            .responder = responder,
            .threads = threads,
            .listeners = listeners,
            .tunnel_host = tunnel_host,
            .started = base::read_steady(),
            .reload_problem = reload_problem,
            .reload =
                [this] {
                  ++reloads;
                  if (on_reload) on_reload();
                  return refusal;
                },
            .keep_name =
                [this](const wg::PublicKey& key, std::optional<dnsd::KnownName> name) {
                  return observatory.keep_name(key, std::move(name));
                }};
  }

 private:
  struct Folder {
    Folder() : path((std::filesystem::temp_directory_path() / "wg-dnsd-cmd-XXXXXX").string()) {
      REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string path;
  };
  Folder folder_;

 public:
  dnsd::Config config;
  asio::io_context io{1};
  AnswerFixture server;

  // The observatory writes to a table of its own.
  dnsd::PeerTable observed;
  dnsd::LiveState observed_state;
  dnsd::StateStore store{folder_.path};

  dnsd::ZoneSource zone_source;
  dnsd::Responder responder = server.responder();
  dnsd::AnswerThreads threads{responder, 1};
  dnsd::Listeners listeners{threads, {}};
  dnsd::PeerUpdates updates{server.zones(), server.peers, *server.live, [] {}};
  dnsd::TunnelHost tunnel_host{responder, updates};
  dnsd::Observatory observatory{io, observed, observed_state, store, {}};

  std::string reload_problem;          ///< of the last reload
  std::optional<std::string> refusal;  ///< the answer of the next reload
  std::function<void()> on_reload;     ///< what it does
  int reloads = 0;
};
