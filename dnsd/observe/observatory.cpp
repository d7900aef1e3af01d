#include "dnsd/observe/observatory.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace dnsd {

Observatory::Observatory(asio::io_context& io, PeerTable& peers, LiveState& live, StateStore& store,
                         InnerHandler inner, ReadDevice read_device)
    : peers_(peers),
      store_(store),
      registry_(peers),
      publisher_(
          std::make_shared<Publisher>(io, registry_, peers, live, [this] { saver_->save_soon(); })),
      saver_(std::make_shared<Saver>(io, registry_, *publisher_, store)),
      interfaces_(std::make_shared<InterfaceSources>(io, registry_, *publisher_, *saver_,
                                                     own_places_, std::move(read_device))),
      points_(std::make_shared<PointSources>(io, registry_, *publisher_, *saver_, own_places_,
                                             std::move(inner))) {}

base::Expected<void, std::string> Observatory::start(const Config& config) {
  const base::Now now = base::read_clock();
  saver_->start(now);
  configure(config, Publisher::Voice::quiet);
  restore(now);
  saver_->finish_loading();
  publisher_->publish(now.steady, Publisher::Voice::quiet);
  publisher_->step(now.steady);
  interfaces_->announce_ready();
  interfaces_->poll_every(config.poll_interval);
  return points_->open(config);
}

base::Expected<void, std::string> Observatory::reload(const Config& config) {
  configure(config, Publisher::Voice::aloud);
  content_changed();
  interfaces_->announce_ready();  // the last one that was not read may be gone
  interfaces_->poll_every(config.poll_interval);
  return points_->open(config);
}

std::optional<wg::PublicKey> Observatory::lost_by(const Config& next, const Config& running) const {
  const auto is_configured = [&](const wg::PublicKey& key) { return registry_.is_configured(key); };
  const auto lost = std::find_if(next.lost_keys.begin(), next.lost_keys.end(), is_configured);
  if (lost != next.lost_keys.end()) return *lost;
  if (next.lost_unknown <= running.lost_unknown) return std::nullopt;
  std::vector<wg::PublicKey> stays;
  for (const ConfiguredPeer& peer : next.peers) stays.push_back(peer.public_key);
  std::sort(stays.begin(), stays.end());
  std::optional<wg::PublicKey> gone;
  peers_.for_each([&](const wg::PublicKey& key, const PeerRecord&) {
    if (!gone && is_configured(key) && !std::binary_search(stays.begin(), stays.end(), key))
      gone = key;
  });
  return gone;
}

void Observatory::set_host(HostAddresses host, std::vector<NameServer> name_servers) {
  own_places_.set_host(std::move(host), std::move(name_servers));
}

void Observatory::follow_host(HostAddresses host, std::vector<NameServer> name_servers) {
  set_host(std::move(host), std::move(name_servers));
  publisher_->publish(base::read_steady(), Publisher::Voice::aloud);
}

void Observatory::stop() {
  points_->stop();
  interfaces_->stop();
  publisher_->stop();
  saver_->stop();
}

void Observatory::configure(const Config& config, Publisher::Voice voice) {
  publisher_->set_list_rules({config.list_max, config.publish_private});
  interfaces_->configure(config.interfaces, config.place_files);
  points_->configure(config.points);
  std::vector<SourceId> order = interfaces_->ids();
  for (const SourceId id : points_->ids()) order.push_back(id);

  const base::Now clock = base::read_clock();
  const base::SteadyTime now = clock.steady;
  registry_.begin_configuration(
      {config.stale_after, config.expire_after, config.publish_listed_only}, order, clock);
  ChunkedLoad load(*publisher_, now, voice);
  for (const ConfiguredPeer& peer : config.peers) {
    registry_.configure(peer);
    if (load.add())
      spdlog::info("{} of {} configured peers loaded", load.count(), config.peers.size());
  }
  configured_peers_ = config.peers.size();
  registry_.end_configuration();
  interfaces_->settle_blocks();
  publisher_->publish(now, voice);
}

void Observatory::restore(base::Now now) {
  for (const StateStore::SavedSource& saved : store_.load_sources()) {
    if (!points_->restore(saved, store_, now) && !interfaces_->restore(saved, store_, now))
      saver_->forget_source(registry_.source_id(saved.name));
  }
}

ObservatoryStatus Observatory::status() const {
  ObservatoryStatus result;
  result.sources = interfaces_->status();
  for (const SourceId id : points_->ids())
    result.sources.push_back({registry_.source_name(id), true, {}, configured_peers_});
  result.peers = peers_.size();
  result.serial = publisher_->serial().current();
  result.public_list_cut = publisher_->cut(View::public_view);
  result.private_list_cut = publisher_->cut(View::private_view);
  result.durable = saver_->is_durable();
  return result;
}

PeerSightings Observatory::sightings(const wg::PublicKey& key) const {
  PeerSightings result;
  for (const Registry::Seen& one : registry_.seen(key))
    result.seen.push_back({registry_.source_name(one.source), one.observation, one.is_stale});
  result.fixed = registry_.fixed(key);
  if (const auto hint = registry_.hint(key))
    result.hint = EndpointHint{hint->place, hint->file->path, hint->file->time, hint->is_valid};
  return result;
}

}  // namespace dnsd
