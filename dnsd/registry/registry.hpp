#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/registry/nat_report.hpp"
#include "dnsd/registry/observation.hpp"
#include "dnsd/registry/unsaved_rows.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

/// Which peers are registered, and what each source says about them: what the peer table should
/// hold. Pure: no clock, no device, no disk. One thread.
///
/// Changes are noted by key (take_touched), and asked for by key (record, saved): the publisher
/// writes what differs to the table, and reports that (move_to_table). Work grows with what
/// happened, never with the number of peers, except in a (re)configuration, and where an interface
/// says of a block of addresses something else than the configuration (settle_blocks).
///
/// Configured peers that no source lists are not kept here: recall() reads them back from the
/// table. Saves a second copy of a million peers.
class Registry {
 public:
  struct Rules {
    std::chrono::seconds stale_after{};
    std::chrono::seconds expire_after{};
    bool listed_only = false;  ///< only configured peers, and keys of this host
  };

  /// \param table what record() is published to; outlives the registry.
  explicit Registry(const PeerTable& table) : table_(table) {}

  /// The number of a source, the same each time. \param saved_name its name in the saved state:
  /// KIND:NAME
  [[nodiscard]] SourceId source_id(std::string_view saved_name);
  /// \param source from source_id(). Valid until source_id() is called with a new name.
  [[nodiscard]] const std::string& saved_name(SourceId source) const;
  /// Its name in the log and the status: NAME. \param source from source_id().
  [[nodiscard]] std::string source_name(SourceId source) const;

  /// A configuration: begin, configure each of its peers, end. Peers that were configured before
  /// and are not any more stay only if a source lists them.
  /// \param order sources in order of precedence. Others are forgotten with all that they reported.
  /// \param now the age of files counts from here
  void begin_configuration(const Rules& rules, std::span<const SourceId> order, base::Now now = {});
  void configure(const ConfiguredPeer& peer);
  void end_configuration();
  /// The source is a built-in point: it has exactly the configured peers, so a peer that is not
  /// configured any more is unlisted. What two points say of a peer is compared.
  void set_point(SourceId source, const base::Endpoint& listen);
  /// The source, an interface, has told all the peers that it has, now or before a restart.
  void note_read(SourceId source);
  [[nodiscard]] bool is_configured(const wg::PublicKey& key) const;

  /// Takes what an earlier run knew: stale until it is seen again, even if it is young.
  void restore(SourceId source, const SavedPeer& peer, base::Now now);
  /// The same in the middle of a run, for a peer that the source has and has not seen since.
  void restore_unseen(SourceId source, const SavedPeer& peer, base::Now now);
  /// The source has this peer. Replaces its earlier allowed-ips.
  void list(SourceId source, const wg::PublicKey& key, std::vector<base::Prefix> allowed_ips);
  /// The source does not have it any more.
  void unlist(SourceId source, const wg::PublicKey& key);
  /// This key is the source's own; an earlier one is not any more.
  void set_own_key(SourceId source, const std::optional<wg::PublicKey>& key);
  [[nodiscard]] std::optional<wg::PublicKey> own_key(SourceId source) const;
  /// Where the source's own key is reached, at most one place of each family: published like an
  /// observation that never ages, unless the configuration says where. Replaces the earlier ones.
  void set_own_places(SourceId source, std::vector<base::Endpoint> places);
  /// A confirmed observation, new, moved or renewed.
  void observe(SourceId source, const wg::PublicKey& key, const Observation& observation,
               base::Now now);
  /// Marks stale, and withdraws, what is due.
  void tick(base::Now now);
  /// When tick() has something to do at the earliest.
  [[nodiscard]] std::optional<base::SteadyTime> next_deadline() const;

  /// Keys whose record may have changed since the last call, each once.
  [[nodiscard]] std::vector<wg::PublicKey> take_touched();
  /// What the table should hold; nullopt: not registered.
  [[nodiscard]] std::optional<PeerRecord> record(const wg::PublicKey& key) const;
  /// The table holds record(key) now.
  void move_to_table(const wg::PublicKey& key);
  /// The first source that sees the peer there; nullopt: the endpoint is from the configuration.
  [[nodiscard]] std::optional<SourceId> seen_by(const wg::PublicKey& key,
                                                const base::Endpoint& endpoint) const;

  /// What each source that has seen the peer says, in configuration order.
  struct Seen {
    SourceId source{};
    Observation observation;
    bool is_stale = false;
  };
  [[nodiscard]] std::vector<Seen> seen(const wg::PublicKey& key) const;
  /// The fixed endpoint of the configuration.
  [[nodiscard]] std::optional<base::Endpoint> fixed(const wg::PublicKey& key) const;
  /// Where a file of peers says that a source once saw the peer (doc/protocol.md §2.7).
  struct Hint {
    std::string place;  ///< ADDRESS:PORT or NAME:PORT
    std::shared_ptr<const EndpointFile> file;
    bool is_valid = false;  ///< published, in the views that show such addresses
  };
  [[nodiscard]] std::optional<Hint> hint(const wg::PublicKey& key) const;

  /// Rows that are not on disk yet; the caller is about to write them.
  [[nodiscard]] std::vector<UnsavedRows::Row> take_unsaved();
  [[nodiscard]] bool has_unsaved() const { return !unsaved_.is_empty(); }
  /// The write failed: the row is unsaved again.
  void mark_unsaved(const UnsavedRows::Row& again);
  void mark_all_unsaved();
  /// Adds every renewed sighting to the unsaved, for the last write before a stop.
  void note_last_sightings();
  /// What to keep of one peer of one source: nothing that is on trial. nullopt: forget it.
  [[nodiscard]] std::optional<SavedPeer> saved(SourceId source, const wg::PublicKey& key) const;

  /// A block of addresses that the configuration gives to one peer, and an interface to another.
  struct LostBlock {
    base::Prefix block;
    wg::PublicKey from;  ///< the peer of the configuration
    wg::PublicKey to;
    SourceId source{};  ///< the interface
    PeerPlace place;    ///< of `from`
  };
  /// From now on record() gives each such block to the interface's peer alone, as WireGuard does;
  /// if `from` has it at another interface, they are two networks, and both have it. Call it when
  /// every interface was read, or tried. It goes through all peers, but only if something changed
  /// that matters. \return those that were not lost yet, each once for every configuration
  [[nodiscard]] std::vector<LostBlock> settle_blocks();
  /// Its name and short key, for people. \param key of a LostBlock that is lost now
  [[nodiscard]] std::string describe(const wg::PublicKey& key) const;

  /// Peers that a source lists.
  [[nodiscard]] std::size_t listed_by(SourceId source) const;

 private:
  /// One peer as one source knows it.
  struct Sighting {
    // Its padding holds the next two members: saves 8 MB with a million peers.
    [[no_unique_address]] UnsavedRows::State row;
    SourceId source{};
    bool stale = false;
    bool was_seen = false;  // ever
    std::optional<Observation> seen;
    std::unique_ptr<const Observation> proven;  // while `seen` is on trial: the one before it
    // Each deadline has one element in its queue; elements with another time are obsolete.
    std::optional<base::SteadyTime> stale_due;
    std::optional<base::SteadyTime> expire_due;
    std::vector<base::Prefix> allowed_ips;
  };
  /// A file with endpoints that sources once knew.
  struct HintFile {
    std::shared_ptr<const EndpointFile> file;
    base::SteadyTime expires;
    bool is_expired = false;
  };
  struct Peer {
    std::shared_ptr<const PeerDetail> detail;
    std::optional<base::Endpoint> fixed;     // or a hint, if it is of hint_file
    std::shared_ptr<const HostTarget> host;  // so is this
    std::shared_ptr<const HintFile> hint_file;
    std::vector<Sighting> sightings;  // of the sources that list the peer
    std::uint32_t generation = 0;     // of the last configuration that named it
    bool configured = false;
    bool allowed_ips_configured = false;
    bool is_own = false;  // a key of one of our sources
    bool touched = false;
  };
  using Peers = std::unordered_map<wg::PublicKey, Peer>;

  struct Deadline {
    base::SteadyTime due;
    wg::PublicKey key;
    SourceId source;
    friend bool operator>(const Deadline& a, const Deadline& b) { return a.due > b.due; }
  };
  using DeadlineQueue = std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>>;

  struct Source {
    std::string saved_name;
    std::uint16_t rank = 0;  // 0: first of the configuration
    bool configured = false;
    std::optional<base::Endpoint> point;  ///< where it listens
    std::optional<wg::PublicKey> own_key;
    std::vector<base::Endpoint> own_places;
    std::size_t listed = 0;
    bool is_read = false;
  };

  /// A block of addresses of the configuration. There may be a million: no more than 16 octets.
  struct BlockPlace {
    std::size_t hash;
    PeerPlace place;
  };
  /// What record() changes of a peer's blocks.
  struct MovedBlock {
    base::Prefix block;
    bool is_gained;
  };

  [[nodiscard]] Peer& peer_of(const wg::PublicKey& key);
  [[nodiscard]] std::optional<Peer> recall(const wg::PublicKey& key) const;
  [[nodiscard]] Source& source(SourceId id);
  [[nodiscard]] std::uint16_t rank(SourceId id) const { return sources_[id].rank; }
  [[nodiscard]] static Sighting* find_sighting(Peer& peer, SourceId source);
  Sighting& sighting_of(Peer& peer, SourceId source);
  void forget_source(SourceId id);
  void erase_if_unknown(Peers::iterator it);
  [[nodiscard]] bool is_registered(const Peer& peer) const;

  [[nodiscard]] std::shared_ptr<const HintFile> hint_file_of(const ConfiguredPeer& configured);
  void expire_hints(base::Now now);
  void refresh_hints();
  [[nodiscard]] bool find_unread() const;
  [[nodiscard]] bool is_hint(const Peer& peer) const;
  [[nodiscard]] bool has_configured_endpoint(const Peer& peer) const;
  void set_detail(const wg::PublicKey& key, Peer& peer, PeerDetail detail);
  void refresh_detail(const wg::PublicKey& key, Peer& peer);
  [[nodiscard]] std::shared_ptr<const PeerDetail> published_detail(const wg::PublicKey& key,
                                                                   const Peer& peer) const;
  [[nodiscard]] std::optional<schema::NatMapping> mapping_of(const Peer& peer) const;
  [[nodiscard]] const Sighting* first_sighting(const Peer& peer) const;
  [[nodiscard]] const Sighting* published_sighting(const Peer& peer, base::Family family) const;
  [[nodiscard]] std::optional<base::Endpoint> own_place(const wg::PublicKey& key, const Peer& peer,
                                                        base::Family family) const;

  void forget_noted_blocks();
  void note_blocks(const ConfiguredPeer& configured);
  void sort_noted_blocks();
  [[nodiscard]] const BlockPlace* find_block(const base::Prefix& block) const;
  [[nodiscard]] static bool is_configured_block(const Peer& peer, const base::Prefix& block);
  void doubt_blocks(const Peer& peer, const std::vector<base::Prefix>& blocks);
  [[nodiscard]] std::vector<LostBlock> find_claims() const;
  [[nodiscard]] std::vector<LostBlock> find_lost(const std::vector<LostBlock>& claims) const;
  void move_blocks(const std::vector<LostBlock>& lost);

  void touch(const wg::PublicKey& key, Peer& peer);
  void note_change(const wg::PublicKey& key, Sighting& sighting);
  void schedule(const wg::PublicKey& key, Sighting& sighting);
  void requeue_all();
  template <typename Due>
  void run_queue(DeadlineQueue& queue, std::optional<base::SteadyTime> Sighting::*due,
                 std::chrono::seconds age, base::Now now, Due on_due);

  const PeerTable& table_;
  Rules rules_;
  Peers peers_;                    // about which the table does not hold everything
  std::size_t only_in_table_ = 0;  // peers that only the table has
  bool looks_for_gone_ = false;    // a configuration is under way, and not the first one
  // Peers that only the table has and this configuration named.
  std::vector<wg::PublicKey> confirmed_;
  std::vector<Source> sources_;
  std::vector<SourceId> order_;
  bool has_point_ = false;   // a built-in point is configured: it has every configured peer
  bool has_unread_ = false;  // an interface that may have any peer
  base::Now configured_at_{};
  std::vector<std::shared_ptr<HintFile>> hint_files_;  // of this configuration
  std::uint32_t generation_ = 0;
  std::vector<BlockPlace> block_places_;  // sorted by hash; none while no interface is configured
  bool are_blocks_doubtful_ = false;      // settle_blocks() has to look
  bool are_blocks_disputed_ = false;      // it found one that an interface gives to another peer
  std::vector<LostBlock> told_blocks_;    // that it returned, and that are still lost; sorted
  std::unordered_map<wg::PublicKey, std::vector<MovedBlock>> moved_blocks_;
  DeadlineQueue stale_queue_;
  DeadlineQueue expire_queue_;
  std::vector<wg::PublicKey> touched_;
  UnsavedRows unsaved_;
};

}  // namespace dnsd
