#include "dnsd/observe/observation_points.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "dnsd/observe/observatory.hpp"
#include "noise/key_file.hpp"

namespace dnsd {
namespace {

std::vector<PointPeer> point_peers(const Config& config, const wg::PublicKey& own) {
  std::vector<PointPeer> peers;
  peers.reserve(config.peers.size());
  for (const ConfiguredPeer& peer : config.peers) {
    if (peer.public_key == own) continue;
    peers.push_back({peer.public_key, peer.preshared_key.value_or(wg::PresharedKey()), peer.name,
                     peer.allowed_ips});
  }
  return peers;
}

bool is_same(const ObservationPoint& point, const ConfiguredPoint& configured) {
  return point.settings().listen == configured.listen &&
         point.settings().tunnel_addresses == configured.tunnel_addresses;
}

}  // namespace

/// What a report needs to reach the control thread.
struct ObservationPoints::Shared {
  asio::io_context& io;
  Observatory& observatory;
};

ObservationPoints::ObservationPoints(asio::io_context& io, Observatory& observatory,
                                     InnerHandler inner)
    : observatory_(observatory),
      inner_(std::move(inner)),
      shared_(std::make_shared<Shared>(Shared{io, observatory})) {}
ObservationPoints::~ObservationPoints() = default;

base::Expected<void, std::string> ObservationPoints::change(const Config& config) {
  std::vector<std::unique_ptr<ObservationPoint>> before = std::exchange(points_, {});
  std::vector<const ConfiguredPoint*> wanted;
  for (const ConfiguredPoint& configured : config.points) {
    const auto known = std::find_if(before.begin(), before.end(), [&](const auto& point) {
      return point && is_same(*point, configured);
    });
    if (known == before.end()) {
      wanted.push_back(&configured);
    } else {
      points_.push_back(std::move(*known));
    }
  }
  before.clear();  // before the others open: one may want the same port
  std::string problem;
  for (const ConfiguredPoint* configured : wanted) {
    auto opened = open(config, *configured);
    if (opened) {
      points_.push_back(std::move(*opened));
    } else if (problem.empty()) {
      problem = opened.error();
    }
  }
  for (const auto& point : points_) point->set_peers(point_peers(config, point->public_key()));
  if (!problem.empty()) return base::Unexpected(problem);
  return {};
}

PeerOddities ObservationPoints::oddities() const {
  PeerOddities result;
  for (const auto& point : points_) {
    for (const auto& [key, oddity] : point->oddities()) {
      PeerOddity& known = result[key];
      known.is_flapping = known.is_flapping || oddity.is_flapping;
      known.clock_behind = std::max(known.clock_behind, oddity.clock_behind);
    }
  }
  return result;
}

base::Expected<std::unique_ptr<ObservationPoint>, std::string> ObservationPoints::open(
    const Config& config, const ConfiguredPoint& configured) {
  const base::Endpoint listen = configured.listen;
  const auto known = observatory_.point_key(listen);
  const auto key = noise::read_or_make_private_key(key_file_of(config, configured), known);
  if (!key) return base::Unexpected(fmt::format("observe {}: {}", listen.to_string(), key.error()));
  auto opened = ObservationPoint::open(
      {listen, configured.tunnel_addresses}, *key,
      [weak = std::weak_ptr(shared_), listen](PointReport report) {
        const auto shared = weak.lock();
        if (!shared) return;
        asio::post(shared->io, [weak, listen, report = std::move(report)] {
          if (const auto still = weak.lock()) still->observatory.take(listen, report);
        });
      },
      inner_);
  if (!opened) return opened;
  ObservationPoint& point = **opened;
  for (const auto& other : points_) {
    if (other->public_key() == point.public_key())
      return base::Unexpected(
          fmt::format("observe: {} and {} have the same key: each point has a "
                      "key of its own",
                      other->settings().listen.to_string(), listen.to_string()));
  }
  if (known && *known != point.public_key())
    spdlog::warn("observe {}: its public key was {} and is {} now: every peer must be told",
                 listen.to_string(), known->to_base64(), point.public_key().to_base64());
  observatory_.set_point_key(listen, point.public_key());
  point.restore(observatory_.take_memory(listen));
  point.set_peers(point_peers(config, point.public_key()));
  point.start();
  spdlog::info("observing at {} with the public key {}", listen.to_string(),
               point.public_key().to_base64());
  return opened;
}

}  // namespace dnsd
