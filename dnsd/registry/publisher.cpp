#include "dnsd/registry/publisher.hpp"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "schema/relay_text.hpp"

namespace dnsd {
namespace {

/// Peers in one chunk while loading.
constexpr std::size_t publish_every = 4096;
/// How often the progress of loading is reported.
constexpr std::chrono::seconds progress_interval{1};

}  // namespace

Publisher::Publisher(asio::io_context& io, Registry& registry, PeerTable& peers, LiveState& live,
                     std::function<void()> unsaved)
    : registry_(registry),
      peers_(peers),
      live_(live),
      unsaved_(std::move(unsaved)),
      serial_(std::nullopt, base::Now{}),
      lists_(peers, live, {}),
      deadline_timer_(io),
      step_timer_(io) {}

// Table

void Publisher::publish(base::SteadyTime now, Voice voice) {
  std::vector<PeerChange> changes;
  const std::vector<wg::PublicKey> touched = registry_.take_touched();
  for (const wg::PublicKey& key : touched) {
    const std::optional<PeerRecord> before = peers_.find(key);
    std::optional<PeerRecord> after = registry_.record(key);
    if (before == after) continue;
    if (voice == Voice::aloud)
      peer_log_.write(
          key, before, after, [&] { return cause_of(key, before, after); }, now);
    lists_.note_change(key, before, after);
    changes.push_back({key, std::move(after)});
  }
  peers_.apply(changes);
  for (const wg::PublicKey& key : touched) registry_.move_to_table(key);
  if (!changes.empty()) content_changed();
  arm_deadline();
  unsaved_();
}

std::string Publisher::cause_of(const wg::PublicKey& key, const std::optional<PeerRecord>& before,
                                const std::optional<PeerRecord>& after) const {
  if (after && after->detail->is_hub) return "where this host is reached";
  for (const auto place : {&PeerRecord::ipv4, &PeerRecord::ipv6}) {
    if (!after || !(*after.*place)) continue;
    if (before && *before.*place == *after.*place) continue;
    const auto source = registry_.seen_by(key, *(*after.*place));
    if (source) return "seen by " + registry_.source_name(*source);
  }
  const auto hint = registry_.hint(key);
  return hint ? "hint from " + hint->file->path : "fixed by the configuration";
}

void Publisher::arm_deadline() {
  const auto due = registry_.next_deadline();
  if (stopped_ || !due || (armed_deadline_ && *armed_deadline_ <= *due)) return;
  armed_deadline_ = due;
  deadline_timer_.expires_at(*due);
  deadline_timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self) return;
    self->armed_deadline_.reset();
    const base::Now now = base::read_clock();
    self->registry_.tick(now);
    self->publish(now.steady, Voice::aloud);
  });
}

// Serial and lists

void Publisher::set_relays(std::vector<wg::PublicKey> relays) {
  relays.resize(std::min(relays.size(), schema::max_relays));
  if (relays == relays_) return;
  relays_ = std::move(relays);
  live_.set_relays(relays_.empty() ? nullptr
                                   : std::make_shared<const LiveState::RelayStrings>(
                                         schema::write_relay_strings(relays_)));
  content_changed();
}

void Publisher::content_changed() {
  serial_.note_change();
  lists_changed_ = true;
  arm_step();
}

void Publisher::step(base::SteadyTime now) {
  lists_.show();
  lists_changed_ = false;
  shown_ = now;
  // If the serial does not step, nothing is reserved: the disk is full, or slower than a thousand
  // changes. set_reserved() steps again, or the clock.
  (void)serial_.step(now);
  live_.set_serial(serial_.current());
  unsaved_();  // the reservation may be half used
  arm_step();  // a step that waits for the clock
}

void Publisher::set_reserved(std::uint32_t end) {
  serial_.set_reserved(end);
  arm_step();
}

void Publisher::skip_reserved(std::uint32_t end) {
  serial_.skip_reserved(end);
  live_.set_serial(serial_.current());
  arm_step();
}

void Publisher::set_ready() {
  if (!live_.is_ready()) live_.set_ready();
}

/// The lists do not wait for a serial that is not reserved yet.
void Publisher::arm_step() {
  auto due = serial_.next_step();
  if (lists_changed_) {
    const auto show = shown_ ? *shown_ + Serial::step_interval : base::SteadyTime::min();
    due = due ? std::min(*due, show) : show;
  }
  if (stopped_ || !due || (armed_step_ && *armed_step_ <= *due)) return;
  armed_step_ = due;
  step_timer_.expires_at(std::max(*due, base::read_steady()));
  step_timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self) return;
    self->armed_step_.reset();
    self->step(base::read_steady());
  });
}

void Publisher::stop() {
  stopped_ = true;
  deadline_timer_.cancel();
  step_timer_.cancel();
}

// Loading

ChunkedLoad::ChunkedLoad(Publisher& publisher, base::SteadyTime now, Publisher::Voice voice)
    : publisher_(publisher), now_(now), voice_(voice), told_(base::read_steady()) {}

bool ChunkedLoad::add() {
  if (++count_ % publish_every != 0) return false;
  publisher_.publish(now_, voice_);
  const base::SteadyTime now = base::read_steady();
  if (now - told_ < progress_interval) return false;
  told_ = now;
  return true;
}

}  // namespace dnsd
