#include "dnsd/state/saver.hpp"

#include <linux/capability.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/capability.hpp"

namespace dnsd {
namespace {

/// What was confirmed is on disk within a second: half of it to gather, half to write.
constexpr std::chrono::milliseconds save_delay{500};
constexpr std::chrono::seconds save_retry{10};

}  // namespace

Saver::Saver(asio::io_context& io, Registry& registry, Publisher& publisher, StateStore& store)
    : io_(io), registry_(registry), publisher_(publisher), store_(store), timer_(io) {
  asio::post(disk_pool_, [] { (void)base::drop_capability(CAP_NET_ADMIN); });
}

// Start and stop

void Saver::start(base::WallTime now) {
  told_problem_ = store_.problem();  // it was logged when the store was opened
  Serial serial(store_.load_serial_end(), now);
  if (const auto end = serial.wanted_reservation()) {
    StateStore::Batch batch;
    batch.serial_end = end;
    if (const auto written = store_.write(batch); !written) report(written.error());
    serial.set_reserved(*end);
  }
  publisher_.start_serial(serial);
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

void Saver::save_everything() {
  registry_.mark_all_unsaved();
  for (auto& [id, source] : sources_) source.is_unsaved = true;
  serial_lost_ = true;
}

bool Saver::has_unsaved() const {
  return registry_.has_unsaved() || !forgotten_.empty() || serial_lost_ ||
         publisher_.serial().wanted_reservation() ||
         std::any_of(sources_.begin(), sources_.end(), [](const auto& source) {
           return source.second.is_unsaved || !source.second.marks.empty();
         });
}

// Writing

void Saver::save_soon() {
  if (stopped_ || armed_ || saving_ || !has_unsaved()) return;
  armed_ = true;
  timer_.expires_after(write_failed_ ? save_retry : save_delay);
  timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self) return;
    self->armed_ = false;
    self->save();
  });
}

void Saver::save() {
  auto batch = std::make_shared<StateStore::Batch>(take_batch());
  batch->serial_end = publisher_.serial().wanted_reservation();
  if (std::exchange(serial_lost_, false) && !batch->serial_end)
    batch->serial_end = publisher_.serial().reserved_end();
  saving_ = true;
  asio::post(disk_pool_, [weak = weak_from_this(), &io = io_, &store = store_, batch] {
    auto written = store.write(*batch);
    asio::post(io, [weak, batch, written = std::move(written), durable = store.is_durable()] {
      const auto self = weak.lock();
      if (self) self->finish_save(*batch, written, durable);
    });
  });
}

void Saver::finish_save(const StateStore::Batch& batch,
                        const base::Expected<void, StateStore::WriteError>& written, bool durable) {
  saving_ = false;
  durable_ = durable;
  write_failed_ = !written;
  // Also if the write failed: the zone must still be able to change. The log says that a crash may
  // then repeat a serial.
  if (batch.serial_end) publisher_.set_reserved(*batch.serial_end);
  if (!written) {
    report(written.error());
    put_back(batch);  // its marks and forgotten sources are not among what is saved anew
    if (written.error().started_afresh) save_everything();
  } else if (std::exchange(told_error_, false)) {
    spdlog::info("state is written to disk again");
  }
  save_soon();
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
