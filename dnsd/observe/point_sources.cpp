#include "dnsd/observe/point_sources.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <optional>
#include <utility>

#include "dnsd/host/port_holder.hpp"
#include "noise/key_file.hpp"

// A report on its way: the point's thread ─▶ post ─▶ take() on the thread of `io` ─▶ registry,
// saver ─▶ publisher. What a point does with packets is in dnsd/point, which source counts is
// decided in the registry.
namespace dnsd {
namespace {

std::vector<PointPeer> point_peers(const Config& config, const wg::PublicKey& own) {
  std::vector<PointPeer> peers;
  peers.reserve(config.peers.size());
  for (const ConfiguredPeer& peer : config.peers) {
    if (peer.public_key == own) continue;
    peers.push_back({peer.public_key, peer.preshared_key.value_or(wg::PresharedKey()), peer.name,
                     peer.allowed_ips, peer.is_relayed});
  }
  return peers;
}

/// Why a point cannot listen, and what would help.
std::string explain_open_error(const base::Endpoint& listen, const std::error_code& error) {
  const std::string place = fmt::format("observe {0}: UDP {0}", listen.to_string());
  if (error == std::errc::address_in_use) {
    const auto holder = find_port_holder(dns::Transport::udp, listen);
    return fmt::format("{} is held by {}: stop it, or give the point another port", place,
                       holder ? describe(*holder) : "another program");
  }
  if (error == std::errc::address_not_available)
    return fmt::format("{}: this host does not have this address; {} is all that it has", place,
                       listen.address.is_ipv4() ? "0.0.0.0" : "[::]");
  if (error == std::errc::permission_denied)
    return fmt::format(
        "{} is a privileged port: take one above 1023, or give wg-dnsd the capability "
        "CAP_NET_BIND_SERVICE",
        place);
  return fmt::format("{} cannot be listened on: {}", place, error.message());
}

std::optional<RelayRates> relay_of(const Config& config, const ConfiguredPoint& point) {
  if (!is_relay(config, point)) return std::nullopt;
  return RelayRates{config.relay_rate, config.relay_total};
}

}  // namespace

PointSources::PointSources(asio::io_context& io, Registry& registry, Publisher& publisher,
                           Saver& saver, OwnPlaces& own_places, InnerHandler inner)
    : io_(io),
      registry_(registry),
      publisher_(publisher),
      saver_(saver),
      own_places_(own_places),
      inner_(std::move(inner)) {}
// Configuration

void PointSources::configure(const std::vector<ConfiguredPoint>& configured) {
  std::vector<Entry> before = std::exchange(points_, {});
  for (const ConfiguredPoint& settings : configured) {
    const SourceId id = registry_.source_id("point:" + settings.listen.to_string());
    const auto known = std::find_if(before.begin(), before.end(),
                                    [&](const Entry& entry) { return entry.id == id; });
    if (known == before.end()) {
      registry_.set_point(id, settings.listen);
      saver_.add_source(id);
      own_places_.listen(id, {settings.listen});
      points_.push_back({id, settings, {}, nullptr});
      continue;
    }
    if (known->point && known->settings.tunnel_addresses != settings.tunnel_addresses)
      known->point->set_tunnel_addresses(settings.tunnel_addresses);
    known->settings = settings;
    points_.push_back(std::move(*known));
    before.erase(known);
  }
  for (const Entry& gone : before) {
    saver_.forget_source(gone.id);
    own_places_.listen(gone.id, {});
  }
}

bool PointSources::restore(const StateStore::SavedSource& saved, StateStore& store, base::Now now) {
  const SourceId id = registry_.source_id(saved.name);
  const auto found = std::find_if(points_.begin(), points_.end(),
                                  [&](const Entry& entry) { return entry.id == id; });
  if (found == points_.end()) return false;
  PointMemory& memory = found->memory;
  ChunkedLoad load(publisher_, now.steady, Publisher::Voice::quiet);
  store.load_peers(saved.name, [&](const SavedPeer& peer) {
    if (!registry_.is_configured(peer.key)) {
      registry_.mark_unsaved({id, peer.key});  // a row to forget
      return;
    }
    registry_.restore(id, peer, now);
    memory.peers.push_back(peer);
    if (load.add()) spdlog::info("{}: {} peers known so far", saved.name, load.count());
  });
  for (const StateStore::SavedMark& mark : store.load_marks(saved.name)) {
    memory.marks.push_back({mark.key, mark.timestamp, mark.removed});
    const bool is_removed = !registry_.is_configured(mark.key);
    if (is_removed && !mark.removed) registry_.mark_unsaved({id, mark.key});
    if (!is_removed && mark.removed) saver_.add_mark(id, mark.key, mark.timestamp);
  }
  restore_routes(*found, store, now);
  memory.last_timestamp = saved.last_timestamp;
  saver_.set_last_timestamp(id, saved.last_timestamp);
  registry_.set_own_key(id, saved.own_key);
  spdlog::info("{}: {} peers known from the last run", registry_.source_name(id),
               memory.peers.size());
  return true;
}

/// Rows of peers that are gone were forgotten with them; those that are over are forgotten here.
void PointSources::restore_routes(Entry& entry, StateStore& store, base::Now now) {
  for (const StateStore::SavedRoutes& saved : store.load_routes(registry_.saved_name(entry.id))) {
    std::size_t live = 0;
    for (const auto& [index, expires] : saved.sessions) {
      if (expires <= now.wall) continue;
      ++live;
      entry.memory.routes.push_back(
          {saved.from, saved.to, index, now.steady + (expires - now.wall)});
    }
    if (live == 0) saver_.set_routes(entry.id, saved.from, saved.to, {});
  }
  for (const auto& own : store.load_own_addresses(registry_.saved_name(entry.id)))
    entry.memory.own_addresses.insert_or_assign(own.key, own.address);
}

base::Expected<void, std::string> PointSources::open(const Config& config) {
  std::string problem;
  for (Entry& entry : points_) {
    if (entry.point) {
      entry.point->set_relay(relay_of(config, entry.settings));
      entry.point->set_peers(point_peers(config, entry.point->public_key()));
      continue;
    }
    const auto opened = open(entry, config);
    if (!opened && problem.empty()) problem = opened.error();
  }
  publish_relays(config);
  if (!problem.empty()) return base::Unexpected(problem);
  return {};
}

void PointSources::publish_relays(const Config& config) {
  std::vector<wg::PublicKey> relays;
  for (const Entry& entry : points_) {
    const auto key = registry_.own_key(entry.id);
    if (key && is_relay(config, entry.settings)) relays.push_back(*key);
  }
  publisher_.set_relays(std::move(relays));
}

base::Expected<void, std::string> PointSources::open(Entry& entry, const Config& config) {
  const base::Endpoint& listen = entry.settings.listen;
  const std::optional<wg::PublicKey> known = registry_.own_key(entry.id);
  const auto key = noise::read_or_make_private_key(key_file_of(config, entry.settings), known);
  if (!key) return base::Unexpected(fmt::format("observe {}: {}", listen.to_string(), key.error()));
  // The point's thread uses only `io`: it must not hold the last reference to this object.
  auto opened = ObservationPoint::open(
      {listen, entry.settings.tunnel_addresses, relay_of(config, entry.settings)}, *key,
      [weak = weak_from_this(), &io = io_, id = entry.id](PointReport report) {
        asio::post(io, [weak, id, report = std::move(report)] {
          if (const auto self = weak.lock()) self->take(id, report);
        });
      },
      inner_, trial_budget_);
  if (!opened) return base::Unexpected(explain_open_error(listen, opened.error()));
  ObservationPoint& point = **opened;
  for (const ObservationPoint* other : this->opened()) {
    if (other->public_key() == point.public_key())
      return base::Unexpected(
          fmt::format("observe: {} and {} have the same key: each point has a "
                      "key of its own",
                      other->settings().listen.to_string(), listen.to_string()));
  }
  if (known && *known != point.public_key())
    spdlog::warn("observe {}: its public key was {} and is {} now: every peer must be told",
                 listen.to_string(), known->to_base64(), point.public_key().to_base64());
  if (known != point.public_key()) {
    registry_.set_own_key(entry.id, point.public_key());
    saver_.note_own_key(entry.id);
    publisher_.publish(base::read_steady(), Publisher::Voice::quiet);
  }
  point.restore(std::exchange(entry.memory, {}));
  point.set_peers(point_peers(config, point.public_key()));
  point.start();
  spdlog::info("observing at {} with the public key {}", listen.to_string(),
               point.public_key().to_base64());
  entry.point = *std::move(opened);
  return {};
}

void PointSources::stop() {
  points_.clear();
}

// Reports

void PointSources::take(SourceId id, const PointReport& report) {
  const auto configured = std::any_of(points_.begin(), points_.end(),
                                      [&](const Entry& entry) { return entry.id == id; });
  if (!configured) return;  // a reload took the point away, or we stopped
  const base::Now now = base::read_clock();
  for (const auto& [key, mark] : report.marks) saver_.add_mark(id, key, mark);
  saver_.set_last_timestamp(id, report.last_timestamp);
  take_routes(id, report, now);
  for (const auto& seen : report.seen) {
    // A report may be older than the reload that took the peer away.
    if (registry_.is_configured(seen.key)) registry_.observe(id, seen.key, seen.observation, now);
  }
  registry_.tick(now);
  publisher_.publish(now.steady, Publisher::Voice::aloud);
}

void PointSources::take_routes(SourceId id, const PointReport& report, base::Now now) {
  for (const Relay::Change& change : report.routes) {
    std::vector<StateStore::SavedRoutes::Session> sessions;
    for (const RelayRoute& route : change.routes)
      sessions.push_back({route.index, now.wall + std::chrono::duration_cast<std::chrono::seconds>(
                                                      route.expires - now.steady)});
    saver_.set_routes(id, change.from, change.to, std::move(sessions));
  }
  for (const auto& [key, address] : report.own_addresses) {
    if (registry_.is_configured(key)) saver_.set_own_address(id, key, address);
  }
}

// Looking at them

std::vector<SourceId> PointSources::ids() const {
  std::vector<SourceId> result;
  for (const Entry& entry : points_) result.push_back(entry.id);
  return result;
}

std::vector<const ObservationPoint*> PointSources::opened() const {
  std::vector<const ObservationPoint*> result;
  for (const Entry& entry : points_) {
    if (entry.point) result.push_back(entry.point.get());
  }
  return result;
}

PeerOddities PointSources::oddities() const {
  PeerOddities result;
  for (const ObservationPoint* point : opened()) {
    for (const auto& [key, oddity] : point->oddities()) {
      PeerOddity& known = result[key];
      known.is_flapping = known.is_flapping || oddity.is_flapping;
      known.clock_behind = std::max(known.clock_behind, oddity.clock_behind);
    }
  }
  return result;
}

void PointSources::reset_peer(const wg::PublicKey& key) const {
  for (const Entry& entry : points_) {
    if (entry.point) entry.point->reset_peer(key);
  }
}

}  // namespace dnsd
