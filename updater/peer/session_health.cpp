#include "updater/peer/session_health.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::seconds;
using wg::session_life;

/// WireGuard rekeys at 120 s, so a session younger than this has lately worked in both directions.
/// Source: contrib/reresolve-dns of wireguard-tools.
constexpr auto proving_age = 135s;
/// WireGuard answers data with a keepalive after 10 s (KEEPALIVE_TIMEOUT of the protocol). The rest
/// is for a kernel's timer and our readings, which may be late. Two round trips are added.
constexpr auto answer_limit = 11s;
/// The same for a peer that answers echo requests: it is doubted earlier, and then asked.
constexpr auto probing_limit = 5s;
/// The round trip where it was not measured.
constexpr auto assumed_round_trip = 500ms;
/// A pause this long ends a flow. A prompt answer comes within it.
constexpr auto pause = 2s;
/// Receiving without a pause for this long is a flow.
constexpr auto flow_length = 1s;
/// How long after our own echo request packets of both directions may be it and its reply.
constexpr auto echo_memory = 3s;
/// How much later than its keepalive's interval a packet may come.
constexpr auto keepalive_slack = 10s;

/// Whether the octets of one direction between two readings contain data, and not only a keepalive
/// and one handshake.
bool carries_data(std::uint64_t octets) {
  for (const std::uint64_t handshake :
       {std::uint64_t{0}, SessionHealth::response_octets, SessionHealth::initiation_octets,
        SessionHealth::response_octets + SessionHealth::initiation_octets}) {
    if (octets == handshake || octets == handshake + SessionHealth::keepalive_octets) return false;
  }
  return true;
}

/// One small packet: an echo without payload, or a TCP acknowledgement, 32 to 48 octets of IP in 32
/// of WireGuard's; with a keepalive beside it.
bool is_small(std::uint64_t octets) {
  for (const std::uint64_t packet : {64U, 80U}) {
    if (octets == packet || octets == packet + SessionHealth::keepalive_octets) return true;
  }
  return false;
}

/// Whether one small packet went each way and nothing else.
bool is_small_exchange(std::uint64_t received, std::uint64_t sent) {
  return is_small(received) && is_small(sent);
}

std::int64_t whole_seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration_cast<seconds>(duration).count();
}

}  // namespace

SessionHealth::SessionHealth(const base::Now& now, const wg::DevicePeer& peer)
    : rx_bytes_(peer.rx_bytes),
      tx_bytes_(peer.tx_bytes),
      handshake_(peer.latest_handshake),
      endpoint_(peer.endpoint),
      flow_start_(now.steady) {
  if (!handshake_) return;
  // Only here the wall clock counts: later handshakes are timed when they are seen. If the clock
  // was set back, the handshake must not lie in the future.
  const auto age = std::max(std::chrono::nanoseconds(0), now.wall - *handshake_);
  last_handshake_ = now.steady - std::min<std::chrono::nanoseconds>(age, 24h);
  if (age < proving_age) last_received_ = now.steady;
}

void SessionHealth::observe(const base::Now& now, const wg::DevicePeer& peer) {
  const std::uint64_t received = peer.rx_bytes - rx_bytes_;
  const std::uint64_t sent = peer.tx_bytes - tx_bytes_;
  const bool new_handshake = peer.latest_handshake && peer.latest_handshake != handshake_;
  const bool same_endpoint = peer.endpoint == endpoint_;
  rx_bytes_ = peer.rx_bytes;
  tx_bytes_ = peer.tx_bytes;
  handshake_ = peer.latest_handshake;
  endpoint_ = peer.endpoint;

  if (new_handshake) last_handshake_ = now.steady;
  const bool sent_data = sent > 0 && carries_data(sent);
  // Initiations alone need no session, and do not prove the address that they come from.
  if (new_handshake || (last_handshake_ && received % initiation_octets != 0)) {
    receive(now.steady, sent_data, same_endpoint);
    if (carries_data(received)) last_data_ = now.steady;
    if (carries_data(received) && !is_small(received)) last_traffic_ = now.steady;
    // No answer is due to data that itself was an answer: the reply to an echo, an
    // acknowledgement.
    const bool has_own_echo = echo_sent_ && now.steady - *echo_sent_ <= echo_memory;
    may_await_answer_ =
        sent_data && carries_data(received) && !has_own_echo && !is_small_exchange(received, sent);
  } else if (sent_data && !unanswered_since_) {
    unanswered_since_ = now.steady;
  }
  if (received > 0) last_heard_ = now.steady;
  if (sent > 0) last_sent_ = now.steady;
  if (sent >= initiation_octets && (sent - initiation_octets) % response_octets == 0)
    last_initiation_ = now.steady;
}

void SessionHealth::receive(SteadyTime now, bool sent_data, bool same_endpoint) {
  if (!last_heard_ || now - last_received_.value_or(now) > pause) flow_start_ = now;
  // The faster of two keepalives delays the other one for ever. Such a peer is heard at rekeys
  // only, and must not be suspected each time.
  if (last_received_ && same_endpoint)
    longest_quiet_ = std::max(longest_quiet_, now - *last_received_);
  if (unanswered_since_) {
    answers_promptly_ = now - *unanswered_since_ <= pause;
  } else if (sent_data) {
    answers_promptly_ = true;
  }
  unanswered_since_.reset();
  last_received_ = now;
}

bool SessionHealth::has_live_session(SteadyTime now) const {
  return last_handshake_ && now - *last_handshake_ < session_life;
}

SessionHealth::Verdict SessionHealth::judge(
    SteadyTime now, seconds keepalive, std::optional<std::chrono::microseconds> round_trip) const {
  if (!last_handshake_) return {Session::none, "there never was a handshake", false};
  const auto age = now - *last_handshake_;
  if (age >= session_life)
    return {Session::dead, fmt::format("its handshake is {} s old", whole_seconds(age)), false};
  const auto unanswered = unanswered_since_ ? now - *unanswered_since_ : 0s;
  if (unanswered >= answer_limit + 2 * round_trip.value_or(assumed_round_trip))
    return {Session::dead, fmt::format("data is unanswered for {} s", whole_seconds(unanswered))};

  const auto quiet = now - last_received_.value_or(*last_handshake_);
  const bool was_flowing = last_received_ && *last_received_ - flow_start_ >= flow_length;
  if ((was_flowing || may_await_answer_) && quiet >= pause)
    return {Session::doubtful, fmt::format("its data stopped {} s ago", whole_seconds(quiet)),
            !was_flowing};
  if (answers_promptly_ && unanswered >= pause)
    return {Session::doubtful,
            fmt::format("data is unanswered for {} s", whole_seconds(unanswered))};
  // A flow that only WireGuard's keepalives answer: ask now, before one lost keepalive looks like a
  // lost session.
  if (round_trip && unanswered >= probing_limit)
    return {Session::doubtful,
            fmt::format("data is unanswered for {} s", whole_seconds(unanswered)), true};
  if (keepalive > 0s && quiet >= std::max<std::chrono::steady_clock::duration>(
                                     keepalive + keepalive_slack, longest_quiet_ + pause))
    return {Session::doubtful, fmt::format("nothing came for {} s", whole_seconds(quiet))};
  if (age >= proving_age && last_sent_ && now - *last_sent_ < keepalive_slack)
    return {Session::doubtful,
            fmt::format("its handshake is {} s old while sending", whole_seconds(age))};
  return {Session::works, ""};
}

}  // namespace updater
