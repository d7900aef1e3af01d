#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "noise/departed_marks.hpp"
#include "noise/handshake.hpp"
#include "noise/mac_checker.hpp"
#include "noise/session.hpp"
#include "noise/source_limit.hpp"
#include "noise/tai64n.hpp"

namespace noise {

/// What a peer has proven by a packet, in Engine::Handler::received.
struct Received {
  enum class Kind : std::uint8_t { response, keepalive, data };
  Kind kind{};
  Path path;  ///< where the packet came from
  /// It belongs to the newest confirmed session and no packet of that had a higher counter: an
  /// older packet that was held back says nothing about where the peer is now.
  bool is_newest = false;
  /// The session's handshake was answered at this address: the peer is really there. A source
  /// address alone could be forged.
  bool is_proven = false;
};

/// Counts of datagrams: first those that get no reply, by what is wrong with them, then the others.
struct EngineCounters {
  std::uint64_t malformed = 0;
  std::uint64_t wrong_mac1 = 0;
  std::uint64_t unregistered = 0;     ///< an initiation by a key that is no peer
  std::uint64_t not_authentic = 0;    ///< whatever did not decrypt
  std::uint64_t old_timestamp = 0;    ///< replayed initiations, and clocks that fell back
  std::uint64_t limited = 0;          ///< too many initiations by one peer, or one source
  std::uint64_t unknown_session = 0;  ///< data, responses and cookies for an index that is not ours
  std::uint64_t replayed = 0;         ///< data seen before or too late, or that did not decrypt
  std::uint64_t cookies = 0;          ///< cookie replies sent
  std::uint64_t handshakes = 0;       ///< initiations answered and responses accepted
};

/// One end of WireGuard tunnels: one private key, any number of peers, as responder and initiator
/// (WireGuard paper §5 and §6). Pure: no socket, no clock; datagrams in, datagrams and events out.
/// One thread; calls of Handler come during receive(), tick(), initiate() and send().
///
///     datagram ─▶ mac1 ─▶ (mac2) ─▶ who? ─▶ timestamp ─▶ session next ── first data ─▶ current
///                                               │ old: session doubtful ── first data ─▶ current
///                                             response to ours ───────▶ current ─ rekey ▶ previous
///
/// A session's packets are sent only to the address where its handshake was answered. Data from
/// another address is accepted and reported, but not answered: the handler finds out whether the
/// peer moved, by initiate() to the new address. The last inner packet from there is handed on when
/// that is answered, at most 5 s later.
class Engine {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void send(const Path& path, base::Bytes datagram) = 0;
    /// An authenticated packet other than an initiation, which proves no address.
    virtual void received(const wg::PublicKey& peer, const Received& received) = 0;
    /// An inner packet with its padding; never empty. send() may be called in it.
    virtual void inner(const wg::PublicKey& peer, base::Bytes packet) = 0;
    /// Transport data that no session of ours belongs to.
    virtual void unknown_session(const Path& path) = 0;
    /// An authentic initiation came, older than the peer's newest one: somebody repeats a recorded
    /// one, or the peer's clock was set back. \return whether to answer it, which tells one from
    /// the other: clock_behind().
    virtual bool may_answer_old(const wg::PublicKey& /*peer*/, const Path& /*path*/) {
      return false;
    }
    /// The maker of an initiation that was older than its newest one by `by` has used the session
    /// of our answer. Nobody else can: the session needs the ephemeral key of that initiation,
    /// which only its maker has, and only until the next one. No recording does that, in whatever
    /// order it is repeated.
    virtual void clock_behind(const wg::PublicKey& peer, std::chrono::seconds by) = 0;
    /// Whether a session with this peer may have this index on our side: not if the peer sends
    /// under it what is for somebody else behind our port. Asked again with others until true.
    [[nodiscard]] virtual bool may_draw(const wg::PublicKey& /*peer*/, SessionIndex /*index*/) {
      return true;
    }
  };

  struct Options {
    /// Answers each keepalive with a keepalive. Set it at one of two ends only.
    bool answers_keepalives = true;
  };

  /// \param handler outlives the engine. \param last_timestamp the latest that an earlier run with
  /// this key may have sent.
  Engine(KeyPair key, Handler& handler, Options options, const Tai64n& last_timestamp = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] const wg::PublicKey& public_key() const { return key_.public_key(); }

  /// Adds a peer, or changes the preshared key of a known one, whose sessions then end.
  /// \param mark the newest timestamp that an earlier run accepted from it
  void add_peer(const wg::PublicKey& peer, const wg::PresharedKey& psk, const Tai64n& mark = {});
  /// Its newest timestamp is kept for a day: if it is added again, recorded initiations stay
  /// replays (departed_marks.hpp).
  void remove_peer(const wg::PublicKey& peer, base::SteadyTime now);
  /// Before its peer is added again: a mark of a peer that was removed at that time.
  void restore_mark(const wg::PublicKey& peer, const Tai64n& mark, base::SteadyTime removed);
  /// Forgets the newest timestamp: a peer whose clock was set back is accepted again.
  void reset_peer(const wg::PublicKey& peer);
  /// The newest timestamp accepted from a peer; none: unknown peer.
  [[nodiscard]] std::optional<Tai64n> mark(const wg::PublicKey& peer) const;
  /// Peers whose mark changed since the last call, each once.
  [[nodiscard]] std::vector<wg::PublicKey> take_marked();
  /// Whether a session or an attempt of ours, with whichever peer, has this index on our side.
  [[nodiscard]] bool owns_index(SessionIndex index) const { return indices_.contains(index); }
  /// The newest timestamp that we sent.
  [[nodiscard]] const Tai64n& last_timestamp() const { return last_timestamp_; }

  /// \param datagram is decrypted in place.
  void receive(base::MutableBytes datagram, const Path& path, base::Now now);
  /// Begins a handshake, in place of one that is under way. \param attempts 1 or more, 5 s apart.
  /// \return false: no such peer.
  bool initiate(const wg::PublicKey& peer, const Path& path, int attempts, base::Now now);
  /// Encrypts and sends one inner packet in the newest confirmed session; empty: a keepalive.
  /// \return false: there is no session, or the packet is longer than 65 487 octets.
  bool send(const wg::PublicKey& peer, base::Bytes inner, base::Now now);

  /// Call it when datagrams arrive faster than they are handled: a machine that is too slow to
  /// count many handshakes needs cookies most.
  void note_backlog(base::SteadyTime now);

  /// Does what is due: repeats handshakes, sends keepalives, wipes keys.
  void tick(base::Now now);
  /// When tick() has something to do at the earliest.
  [[nodiscard]] std::optional<base::SteadyTime> next_deadline() const;

  [[nodiscard]] const EngineCounters& counters() const { return counters_; }
  /// Whether handshakes cost so much that their senders must prove their addresses first.
  [[nodiscard]] bool is_under_load(base::SteadyTime now) const { return now < under_load_until_; }

 private:
  struct Live;
  struct Peer {
    Peer();
    ~Peer();  // where Live is known
    wg::PresharedKey psk;
    std::optional<SharedKey> static_static;  ///< computed at the peer's first handshake
    Tai64n mark;                             ///< newest timestamp accepted
    bool is_marked = false;                  ///< is in marked_
    std::optional<base::SteadyTime> last_initiation;
    std::unique_ptr<Live> live;
  };
  using Peers = std::unordered_map<wg::PublicKey, Peer>;
  using Node = Peers::value_type;

  void receive(const Initiation& message, const Path& path, base::Now now);
  void receive(const Response& message, const Path& path, base::Now now);
  void receive(const CookieReply& message, base::Now now);
  void receive(const TransportData& message, base::MutableBytes datagram, const Path& path,
               base::Now now);
  [[nodiscard]] bool admit(const Macs& macs, SessionIndex sender, const Path& path, base::Now now);
  void note_handshake_work(base::SteadyTime now);
  void note_mark(Node& node, const Tai64n& mark);
  [[nodiscard]] bool is_fresh(Node& node, const Tai64n& timestamp, base::Now now);
  [[nodiscard]] bool may_answer_old(Node& node, const Tai64n& timestamp, const Path& path,
                                    base::Now now);
  void respond(Node& node, IncomingHandshake& handshake, SessionIndex sender, const Path& path,
               std::unique_ptr<Session>& slot, base::Now now);
  void answer(Node& node, Session& session, base::Bytes inner, base::Now now);
  void answer_held(Node& node, const Path& path, base::Now now);

  bool begin_attempt(Node& node, base::Now now);
  void rekey(Node& node, const Session& session, base::Now now);
  void send_in(Node& node, Session& session, base::Bytes inner, base::Now now);
  [[nodiscard]] const SharedKey* static_static(Node& node);

  Live& live(Node& node);
  SessionIndex draw_index(Node& node);
  void drop(std::unique_ptr<Session>& session);
  void drop_all(Node& node);
  void run_due(Node& node, base::Now now);
  void schedule(Node& node);

  struct Deadline {
    base::SteadyTime due;
    wg::PublicKey peer;
    friend bool operator>(const Deadline& a, const Deadline& b) { return a.due > b.due; }
  };

  const KeyPair key_;
  Handler& handler_;
  const Options options_;
  MacChecker macs_;
  SourceLimit source_limit_;
  Tai64n last_timestamp_;
  Peers peers_;
  DepartedMarks departed_;
  std::unordered_map<SessionIndex, Node*> indices_;
  std::vector<wg::PublicKey> marked_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  EngineCounters counters_;

  base::SteadyTime load_window_{};  // handshakes are counted from here on
  unsigned load_count_ = 0;
  base::SteadyTime under_load_until_{};
  std::vector<std::uint8_t> outgoing_;  // one datagram at a time
};

}  // namespace noise
