#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// The constants of the relay (doc/relay.md has each of them, with its reason).
namespace dnsd::relay_rules {

using namespace std::chrono_literals;

// Places

/// A place that was not seen for this time neither sends nor receives: a NAT may have given it to
/// somebody else.
inline constexpr auto place_life = 180s;

// Entries

/// Of a confirmed session. WireGuard's own ends at 180 s; the answer may be 10 s on its way.
inline constexpr auto session_life = 190s;
/// An initiation waits that long for its response: WireGuard repeats it after 5 s.
inline constexpr auto pending_life = 6s;
/// WireGuard itself has three: previous, current and next. A peer that is started again forgets
/// them, and the relay cannot know. With five, and idle_life, a pair that begins anew every 7 s
/// never has to wait.
inline constexpr std::size_t sessions_per_pair = 5;
inline constexpr std::size_t pending_per_ordered_pair = 2;
/// Responses after the first that an initiation may have until its sender has used the session.
/// Only that sender can tell which one is true: somebody who sees initiations, and forges the
/// recipient's place, may answer first.
inline constexpr std::size_t more_responses = 3;
/// Where all are alive, a new one takes the place of one that its initiator has not used in
/// this time (it begins anew after 5 s), or that nobody has used in that time. Otherwise its
/// initiation has to come with a cookie: else somebody who forges both places pushes out a session
/// that is in use. `idle_life` is longer than the usual persistent keepalive, 25 s.
inline constexpr auto unused_life = 5s;
inline constexpr auto idle_life = 30s;

// Initiations

/// Tried first, without counting: the latest partners, whoever they are, then other partners.
inline constexpr std::size_t recent_partners = 8;
inline constexpr std::size_t partners_tried = 64;
/// Searches through the other peers, per sender.
inline constexpr unsigned search_burst = 10;
inline constexpr unsigned searches_per_second = 1;
/// Keys tried by one search, in 4 ms; the sender's next one goes on where it ended. So with 100 000
/// peers a first contact needs up to four initiations, which WireGuard sends every 5 s.
inline constexpr std::size_t keys_per_search = 32'768;
/// Above its budget a sender still gets so many keys tried, anywhere: small networks need no
/// budget, and who forges a sender's place cannot lock it out of them.
inline constexpr std::size_t keys_without_budget = 64;
/// By all searches together: 7 % of a core.
inline constexpr std::size_t keys_per_second = 500'000;

/// Per ordered pair; above that the relay asks for a cookie.
inline constexpr unsigned initiation_burst = 4;
inline constexpr unsigned initiations_per_second = 2;
/// What comes with a cookie has the same allowance again, which nobody else can use up.
inline constexpr unsigned proven_burst = 4;
inline constexpr unsigned proven_per_second = 2;
/// Cookie replies that are passed on, per ordered pair.
inline constexpr unsigned cookie_burst = 4;
inline constexpr unsigned cookies_per_second = 2;
/// While an initiation is under way, the first one of the other direction is dropped, ...
inline constexpr auto crossing_window = 1s;
/// ... at most once in this time per ordered pair.
inline constexpr auto crossing_pause = 6s;

// Tables

/// By the initiations of one peer, and in all. From half of it on, a new pair takes the place of
/// one that has no session, or its initiation has to come with a cookie.
inline constexpr std::size_t pairs_per_peer = 1'024;
inline constexpr std::size_t pairs_in_all = 262'144;
/// Looked at by one tick, once in the interval: at least so many, and so big a part of all.
inline constexpr std::size_t swept_at_once = 2'048;
inline constexpr std::size_t sweeps_of_all = 16;
inline constexpr auto sweep_interval = 1s;

// Unknown places

/// A peer that may be at an unknown place is asked there once in this time.
inline constexpr auto ask_back_interval = 1s;
/// An initiation with IPv6 and UDP headers. The first one since the peer came to its place, or in
/// this time, goes out on trust; then no more octets than came in: who has seen an index cannot
/// have somebody sent more than he sends himself.
inline constexpr std::size_t ask_back_octets = 196;
inline constexpr auto ask_back_trust = 60s;

// Adoption

inline constexpr auto adoption_life = 5s;
/// From the first packet of one side to the first of the other.
inline constexpr auto adoption_answer = 2s;
/// Per index. The first ones at once, then one per interval: one that arrives is enough, and those
/// of a fast flow are not to be lost together.
inline constexpr unsigned adoption_packets = 16;
inline constexpr unsigned adoption_burst = 4;
inline constexpr auto adoption_interval = 100ms;
/// Per side: a stranger that forges the place can fill one.
inline constexpr std::size_t adoption_indices = 3;
/// Of one peer at once.
inline constexpr std::size_t adoptions_per_peer = 8;

// Pause

/// Of the data of a pair, as long as the asker says, within these: it knows the round trips, which
/// have to be over before what was on its way can come back no more.
inline constexpr auto shortest_pause = 400ms;
inline constexpr auto longest_pause = 2s;
/// From the beginning of one to that of the next of the same pair, whoever asks.
inline constexpr auto pause_interval = 5s;
/// That one peer asked for, at once.
inline constexpr std::size_t pauses_per_peer = 8;

// Rates, bit/s from the IP header on; 0: no limit

inline constexpr std::uint64_t default_sender_rate = 20'000'000;
inline constexpr std::uint64_t default_total_rate = 200'000'000;
/// What may be sent at once, as time at the rate. TCP needs one round trip: with less the first
/// burst of each window is cut, and the rate is never reached.
inline constexpr auto sender_burst = 250ms;
inline constexpr auto total_burst = 100ms;
/// At least this: two datagrams, or joined runs, of the greatest size.
inline constexpr std::size_t smallest_burst = 131'072;

}  // namespace dnsd::relay_rules
