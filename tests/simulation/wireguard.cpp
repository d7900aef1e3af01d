#include "tests/simulation/wireguard.hpp"

#include <array>
#include <utility>
#include <variant>

#include "tests/unit/updater/samples.hpp"

namespace model {
namespace {

// The constants of wireguard-go, device/constants.go and device/timers.go.
constexpr Time rekey_timeout = 5;
constexpr Time max_jitter = 0.334;
constexpr unsigned max_attempts = 18;
constexpr Time rekey_after = 120;
constexpr Time rekey_receiving_after = 165;
constexpr Time reject_after = 180;
constexpr Time keepalive_timeout = 10;
constexpr Time new_handshake_timeout = 15;
constexpr std::size_t max_staged = 128;

/// What is sealed: nobody on the way looks at it.
base::Bytes nothing(std::size_t size) {
  static constexpr std::array<std::uint8_t, 48> zeros{};
  return base::Bytes(zeros).first(size);
}

}  // namespace

void WireGuard::set(const wg::PeerUpdate& update) {
  if (update.endpoint) {
    shown.endpoint = update.endpoint;
    is_mute_ = false;
  }
  if (update.persistent_keepalive) {
    const bool turned_on =
        shown.persistent_keepalive.count() == 0 && update.persistent_keepalive->count() > 0;
    shown.persistent_keepalive = *update.persistent_keepalive;
    if (turned_on) send_keepalive();
  }
  flush();
}

void WireGuard::send(Kind kind, std::uint32_t number) {
  if (staged_.size() < max_staged) staged_.push_back({kind, number});
  flush();
}

void WireGuard::send_keepalive() {
  if (staged_.empty()) staged_.push_back({Kind::keepalive});
  flush();
}

void WireGuard::flush() {
  if (staged_.empty()) return;
  if (!is_alive(current_)) {
    initiate(false);
    return;
  }
  for (const Staged& staged : std::exchange(staged_, {})) {
    send_in(*current_, staged);
    if (is_data(staged.kind) && !new_handshake_.is_pending)
      start(new_handshake_, new_handshake_timeout + events_.uniform(0, max_jitter), [this] {
        is_mute_ = false;
        initiate(false);
      });
  }
  if (current_->is_initiator && events_.now() - current_->begun > rekey_after) initiate(false);
}

void WireGuard::initiate(bool is_retry) {
  if (!is_retry) attempts_ = 0;
  if (events_.now() - last_handshake_sent_ < rekey_timeout) return;  // no packet and no timer
  last_handshake_sent_ = events_.now();
  const std::uint32_t number = events_.next_number();
  own_handshake_ = Handshake{number, index_of(number)};
  if (shown.endpoint) ++initiations_;
  Packet initiation = make(Kind::initiation);
  initiation.handshake = number;
  initiation.sender = own_handshake_->index;
  initiation.octets.resize(noise::initiation_octets);
  const base::Octets32 ephemeral{};
  noise::write_initiation(initiation.sender, wg::PublicKey(ephemeral), nothing(48), nothing(28),
                          initiation.octets);
  macs_.write(shown.public_key, samples::at(events_.now()).steady, initiation.octets);
  transmit(std::move(initiation));
  start(retry_, rekey_timeout + events_.uniform(0, max_jitter), [this] { retry(); });
}

void WireGuard::retry() {
  if (attempts_ > max_attempts) {
    stop(passive_keepalive_);
    staged_.clear();
    return;
  }
  ++attempts_;
  is_mute_ = false;
  initiate(true);
}

Packet WireGuard::make(Kind kind) const {
  Packet packet;
  packet.kind = kind;
  packet.timestamp = events_.now();
  packet.from = own_key;
  packet.to = shown.public_key;
  return packet;
}

void WireGuard::send_in(Session& session, const Staged& staged) {
  Packet packet = make(staged.kind);
  packet.handshake = session.handshake;
  packet.receiver = session.other_index;
  packet.counter = session.sent++;
  packet.number = staged.number;
  transmit(std::move(packet));
}

void WireGuard::transmit(Packet packet) {
  stop(passive_keepalive_);
  arm_keepalive();
  if (!shown.endpoint || is_mute_) return;
  shown.tx_bytes += octets_of(packet.kind);
  send_(*shown.endpoint, packet);
}

bool WireGuard::receive(const base::Endpoint& from, const Packet& packet) {
  if (packet.kind == Kind::cookie) {
    take_cookie(packet);
    return false;  // it does not prove who sent it: neither counted nor roamed to
  }
  bool is_authentic = true;
  // This comes before any packet that we send: answers go to the source of this packet.
  const auto endpoint = std::exchange(shown.endpoint, from);
  switch (packet.kind) {
    case Kind::initiation:
      is_authentic = packet.timestamp > newest_timestamp_;
      break;
    case Kind::response:
      is_authentic = own_handshake_ && own_handshake_->number == packet.handshake;
      break;
    default:
      is_authentic = false;
      for (const auto* session : {&current_, &previous_, &next_})
        is_authentic =
            is_authentic || (is_alive(*session) && (*session)->handshake == packet.handshake);
  }
  if (!is_authentic) {
    shown.endpoint = endpoint;
    return false;
  }
  is_mute_ = false;
  shown.rx_bytes += octets_of(packet.kind);
  stop(new_handshake_);
  arm_keepalive();
  if (packet.kind == Kind::initiation)
    take_initiation(packet);
  else if (packet.kind == Kind::response)
    take_response(packet);
  else
    take_data(packet);
  return true;
}

void WireGuard::take_initiation(const Packet& packet) {
  newest_timestamp_ = packet.timestamp;
  own_handshake_.reset();  // there is one slot: our own handshake is dropped
  last_handshake_sent_ = events_.now();
  previous_.reset();
  next_ = Session{packet.handshake, events_.now(), false, index_of(events_.next_number()),
                  packet.sender};
  Packet response = make(Kind::response);
  response.handshake = packet.handshake;
  response.sender = next_->own_index;
  response.receiver = next_->other_index;
  response.octets.resize(noise::response_octets);
  const base::Octets32 ephemeral{};
  noise::write_response(response.sender, response.receiver, wg::PublicKey(ephemeral), nothing(16),
                        response.octets);
  macs_.write(shown.public_key, samples::at(events_.now()).steady, response.octets);
  transmit(std::move(response));
}

void WireGuard::take_response(const Packet& packet) {
  const noise::SessionIndex index = own_handshake_->index;
  own_handshake_.reset();
  previous_ = next_ ? next_ : current_;
  next_.reset();
  current_ = Session{packet.handshake, events_.now(), true, index, packet.sender};
  complete_handshake();
  send_keepalive();
}

void WireGuard::take_cookie(const Packet& packet) {
  const auto message = noise::parse_message(packet.octets);
  const auto* cookie = message ? std::get_if<noise::CookieReply>(&*message) : nullptr;
  if (cookie != nullptr)
    (void)macs_.take(shown.public_key, *cookie, samples::at(events_.now()).steady);
}

void WireGuard::take_data(const Packet& packet) {
  if (next_ && next_->handshake == packet.handshake) {
    previous_ = current_;
    current_ = next_;
    next_.reset();
    complete_handshake();
    flush();
  }
  const Time age = events_.now() - current_->begun;
  if (current_->is_initiator && age > rekey_receiving_after) initiate(false);
  if (!is_data(packet.kind)) return;
  if (passive_keepalive_.is_pending) {
    needs_another_keepalive_ = true;
    return;
  }
  start(passive_keepalive_, keepalive_timeout, [this] {
    send_keepalive();
    if (std::exchange(needs_another_keepalive_, false))
      start(passive_keepalive_, keepalive_timeout, [this] { send_keepalive(); });
  });
}

void WireGuard::complete_handshake() {
  stop(retry_);
  attempts_ = 0;
  shown.latest_handshake = samples::handshake_at(events_.now());
}

bool WireGuard::understands(const WireGuard& other) const {
  if (!is_alive(other.current_)) return false;
  const std::uint64_t handshake = other.current_->handshake;
  return (is_alive(current_) && current_->handshake == handshake) ||
         (is_alive(previous_) && previous_->handshake == handshake) ||
         (is_alive(next_) && next_->handshake == handshake);
}

std::optional<noise::SessionIndex> WireGuard::sends_under() const {
  if (!is_alive(current_)) return std::nullopt;
  return current_->other_index;
}

bool WireGuard::is_alive(const std::optional<Session>& session) const {
  return session && events_.now() - session->begun < reject_after;
}

void WireGuard::arm_keepalive() {
  const auto interval = static_cast<Time>(shown.persistent_keepalive.count());
  if (interval == 0) return;
  start(persistent_keepalive_, interval, [this] {
    if (shown.persistent_keepalive.count() > 0) send_keepalive();
  });
}

void WireGuard::start(Timer& timer, Time delay, std::function<void()> expired) {
  const std::uint64_t number = ++timer.valid;
  timer.is_pending = true;
  events_.after(delay, [&timer, number, expired = std::move(expired)] {
    if (timer.valid != number || !timer.is_pending) return;
    timer.is_pending = false;
    expired();
  });
}

void WireGuard::stop(Timer& timer) {
  timer.is_pending = false;
}

}  // namespace model
