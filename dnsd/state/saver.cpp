#include "dnsd/state/saver.hpp"

#include <linux/capability.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <system_error>
#include <utility>

#include "base/capability.hpp"

namespace dnsd {

Saver::Saver(asio::io_context& io, Registry& registry, Publisher& publisher, StateStore& store,
             Pace pace)
    : io_(io), registry_(registry), publisher_(publisher), store_(store), pace_(pace), timer_(io) {
  asio::post(disk_pool_, [] { (void)base::drop_capability(CAP_NET_ADMIN); });
}

// Start and stop

void Saver::start(base::Now now) {
  told_problem_ = store_.problem();  // it was logged when the store was opened
  durable_ = store_.is_durable();
  Serial serial(store_.load_serial_end(), now);
  if (const auto end = serial.wanted_reservation(); end && durable_) {
    StateStore::Batch batch;
    batch.serial_end = end;
    const auto written = store_.write(batch);
    write_failed_ = !written;
    if (written) {
      serial.set_reserved(*end);
    } else {
      report(written.error());
    }
  }
  publisher_.start_serial(serial);
  names_ = store_.load_names();
}

void Saver::finish_loading() {
  if (store_.problem() != told_problem_) {
    spdlog::warn("{}", store_.problem());
    save_everything();  // the damage showed while reading: there is a new file now
  }
  durable_ = store_.is_durable();
}

void Saver::stop() {
  stopped_ = true;
  timer_.cancel();
  disk_pool_.join();
  // What failed is written once more below.
  if (const auto last = std::exchange(under_way_, nullptr)) finish(*last);
  if (!store_.is_durable()) return;
  registry_.note_last_sightings();
  StateStore::Batch batch = take_batch();
  batch.serial_end = publisher_.serial().after_stop();
  const auto written = store_.write(batch);
  if (!written) spdlog::error("{}", written.error().message);
}

// What there is to save

void Saver::add_source(SourceId source) {
  sources_.try_emplace(source);
  forgotten_.erase(source);  // a later reload brought it back
  save_soon();
}

void Saver::forget_source(SourceId source) {
  sources_.erase(source);
  forgotten_.insert(source);
  save_soon();
}

void Saver::note_own_key(SourceId source) {
  sources_.at(source).is_unsaved = true;
  save_soon();
}

void Saver::set_last_timestamp(SourceId source, noise::Tai64n timestamp) {
  Source& known = sources_.at(source);
  if (std::exchange(known.last_timestamp, timestamp) == timestamp) return;
  known.is_unsaved = true;
  save_soon();
}

void Saver::add_mark(SourceId source, const wg::PublicKey& key, noise::Tai64n timestamp) {
  sources_.at(source).marks[key] = timestamp;
  save_soon();
}

void Saver::set_routes(SourceId source, const wg::PublicKey& from, const wg::PublicKey& to,
                       std::vector<StateStore::SavedRoutes::Session> sessions) {
  sources_.at(source).routes[{from, to}] = std::move(sessions);
  save_soon();
}

void Saver::set_own_address(SourceId source, const wg::PublicKey& key,
                            const base::IpAddress& address) {
  sources_.at(source).own_addresses.insert_or_assign(key, address);
  save_soon();
}

void Saver::keep_names(PeerNames names) {
  for (const auto& [key, known] : names_) {
    if (!names.contains(key)) unsaved_names_.insert(key);
  }
  for (const auto& [key, known] : names) {
    const auto before = names_.find(key);
    if (before == names_.end() || before->second != known) unsaved_names_.insert(key);
  }
  names_ = std::move(names);
  save_soon();
}

std::optional<KnownName> Saver::keep_name(const wg::PublicKey& key, std::optional<KnownName> name) {
  const auto found = names_.find(key);
  std::optional<KnownName> before;
  if (found != names_.end()) before = found->second;
  if (before == name) return before;
  if (name)
    names_.insert_or_assign(key, *std::move(name));
  else
    names_.erase(found);
  unsaved_names_.insert(key);
  save_soon();
  return before;
}

void Saver::save_everything() {
  registry_.mark_all_unsaved();
  for (const auto& [key, known] : names_) unsaved_names_.insert(key);
  for (auto& [id, source] : sources_) source.is_unsaved = true;
}

bool Saver::has_unsaved() const {
  return registry_.has_unsaved() || !forgotten_.empty() || !unsaved_names_.empty() || !durable_ ||
         publisher_.serial().wanted_reservation() ||
         std::any_of(sources_.begin(), sources_.end(),
                     [](const auto& source) { return source.second.has_unsaved(); });
}

// Writing

void Saver::save_soon() {
  if (stopped_ || armed_ || under_way_ || !has_unsaved()) return;
  armed_ = true;
  timer_.expires_after(write_failed_ || !durable_ ? pace_.retry : pace_.delay);
  timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self) return;
    self->armed_ = false;
    self->save();
  });
}

void Saver::save() {
  under_way_ = std::make_shared<Write>();
  under_way_->was_durable = durable_;
  if (durable_) {
    under_way_->batch = take_batch();
    under_way_->batch.serial_end = publisher_.serial().wanted_reservation();
  } else {
    (void)registry_.take_unsaved();  // everything is saved when the store opens; no list grows
  }
  asio::post(disk_pool_, [weak = weak_from_this(), &io = io_, &store = store_, write = under_way_] {
    run(store, *write);
    asio::post(io, [weak, write] {
      const auto self = weak.lock();
      if (!self || self->under_way_ != write) return;
      self->under_way_.reset();
      self->finish(*write);
    });
  });
}

/// On the disk's thread.
void Saver::run(StateStore& store, Write& write) {
  if (write.was_durable) {
    write.result = store.write(write.batch);
  } else {
    (void)store.open_again();
  }
  write.durable = store.is_durable();
}

void Saver::finish(const Write& write) {
  ++attempts_;
  durable_ = write.durable;
  if (write.was_durable) {
    finish_save(write);
  } else if (durable_) {
    for (const std::string& warning : store_.warnings()) spdlog::warn("{}", warning);
    if (!store_.problem().empty()) spdlog::warn("{}", store_.problem());
    spdlog::info("{}: endpoints and the serial are kept again", store_.path());
    write_failed_ = false;
    told_error_ = false;
    take_found_state();
  }
  save_soon();
}

void Saver::finish_save(const Write& write) {
  write_failed_ = !write.result;
  if (!write.result) {
    report(write.result.error());
    put_back(write.batch);  // its marks and forgotten sources are not among what is saved anew
    if (write.result.error().started_afresh) take_found_state();
    return;
  }
  if (write.batch.serial_end) publisher_.set_reserved(*write.batch.serial_end);
  if (std::exchange(told_error_, false)) spdlog::info("state is written to disk again");
}

/// The file is another one than before, usually empty: what it knows of peers that were not seen
/// meanwhile counts as at a start, all else is saved over it.
void Saver::take_found_state() {
  const base::Now now = base::read_clock();
  if (const auto end = store_.load_serial_end()) publisher_.skip_reserved(*end);
  for (const StateStore::SavedSource& saved : store_.load_sources()) {
    const SourceId id = registry_.source_id(saved.name);
    const auto known = sources_.find(id);
    if (known == sources_.end()) {
      forgotten_.insert(id);
      continue;
    }
    Source& source = known->second;
    source.last_timestamp = std::max(source.last_timestamp, saved.last_timestamp);
    store_.load_peers(saved.name,
                      [&](const SavedPeer& peer) { registry_.restore_unseen(id, peer, now); });
    for (const StateStore::SavedMark& mark : store_.load_marks(saved.name)) {
      const auto newer = source.marks.find(mark.key);
      if (newer != source.marks.end() && newer->second <= mark.timestamp) source.marks.erase(newer);
    }
  }
  save_everything();
  publisher_.publish(now.steady, Publisher::Voice::aloud);
}

StateStore::Batch Saver::take_batch() {
  StateStore::Batch batch;
  for (const SourceId id : std::exchange(forgotten_, {}))
    batch.forgotten_sources.push_back(registry_.saved_name(id));
  for (auto& [id, source] : sources_) {
    const std::string& name = registry_.saved_name(id);
    if (std::exchange(source.is_unsaved, false))
      batch.sources.push_back({name, registry_.own_key(id), source.last_timestamp});
    for (const auto& [key, mark] : std::exchange(source.marks, {}))
      batch.marks.push_back({name, key, mark});
    for (auto& [pair, sessions] : std::exchange(source.routes, {}))
      batch.routes.push_back({name, pair.first, pair.second, sessions});
    for (const auto& [key, address] : std::exchange(source.own_addresses, {}))
      batch.own_addresses.push_back({name, key, address});
  }
  for (const wg::PublicKey& key : std::exchange(unsaved_names_, {})) {
    const auto known = names_.find(key);
    batch.names.push_back(
        {key, known == names_.end() ? std::nullopt : std::optional(known->second)});
  }
  for (const auto& [id, key] : registry_.take_unsaved()) {
    if (!sources_.contains(id)) continue;  // all of that source is forgotten
    batch.peers.push_back({registry_.saved_name(id), key, registry_.saved(id, key)});
  }
  return batch;
}

/// What came meanwhile is newer.
void Saver::put_back(const StateStore::Batch& batch) {
  for (const StateStore::SavedRow& row : batch.peers) {
    const SourceId id = registry_.source_id(row.source);
    if (sources_.contains(id)) registry_.mark_unsaved({id, row.key});
  }
  for (const StateStore::SavedSource& saved : batch.sources) {
    const auto known = sources_.find(registry_.source_id(saved.name));
    if (known != sources_.end()) known->second.is_unsaved = true;
  }
  for (const StateStore::SavedMark& mark : batch.marks) {
    const auto known = sources_.find(registry_.source_id(mark.source));
    if (known != sources_.end()) known->second.marks.try_emplace(mark.key, mark.timestamp);
  }
  for (const StateStore::SavedRoutes& saved : batch.routes) {
    const auto known = sources_.find(registry_.source_id(saved.source));
    if (known != sources_.end())
      known->second.routes.try_emplace({saved.from, saved.to}, saved.sessions);
  }
  for (const StateStore::SavedOwnAddress& saved : batch.own_addresses) {
    const auto known = sources_.find(registry_.source_id(saved.source));
    if (known != sources_.end()) known->second.own_addresses.try_emplace(saved.key, saved.address);
  }
  for (const StateStore::SavedName& saved : batch.names) unsaved_names_.insert(saved.key);
  for (const std::string& name : batch.forgotten_sources) {
    const SourceId id = registry_.source_id(name);
    if (!sources_.contains(id)) forgotten_.insert(id);
  }
}

void Saver::report(const StateStore::WriteError& error) {
  if (std::exchange(told_error_, true) && !error.started_afresh) return;
  spdlog::error("{}; endpoints and the serial may be lost at a restart", error.message);
}

}  // namespace dnsd
