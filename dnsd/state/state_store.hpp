#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/expected.hpp"
#include "dnsd/registry/observation.hpp"
#include "dnsd/state/database.hpp"
#include "dnsd/state/peer_names.hpp"
#include "noise/tai64n.hpp"

namespace dnsd {

/// What survives a restart, in SQLite (WAL) at FOLDER/state.db: what each source knew, the
/// timestamps of handshakes, the sessions that are passed on, names of peers, and how far the
/// serial is reserved. Where the folder cannot be written everything works and nothing is kept,
/// until open_again() succeeds.
///
/// A file of an earlier version is copied to `state.db.VERSION` and brought up to this one
/// (migrations.hpp). One that is damaged, empty or of a later version is renamed to
/// `state.db.damaged` or `state.db.version-VERSION` and a new one begun, with the serial in it that
/// this store wrote or read last: never a crash, never a wrong answer. The folder and its files are
/// for their owner alone (state_folder.hpp). Calls block for as long as the disk takes; one thread
/// at a time.
class StateStore {
 public:
  struct SavedSource {
    std::string name;
    std::optional<wg::PublicKey> own_key;
    noise::Tai64n last_timestamp = {};  ///< that a built-in point sent; the default: none
  };
  /// The newest timestamp that a built-in point accepted from a peer. It outlives the peer's row by
  /// a day, so that what was recorded before stays a replay if the peer is added again.
  struct SavedMark {
    std::string source;
    wg::PublicKey key;
    noise::Tai64n timestamp;
    std::optional<base::WallTime> removed = {};  ///< when its row was forgotten
  };
  /// What a built-in point passes on from one peer to another.
  struct SavedRoutes {
    struct Session {
      std::uint32_t index{};
      base::WallTime expires;

      friend bool operator==(const Session&, const Session&) = default;
    };
    std::string source;
    wg::PublicKey from;
    wg::PublicKey to;
    std::vector<Session> sessions;  ///< none: forget the row

    friend bool operator==(const SavedRoutes&, const SavedRoutes&) = default;
  };
  /// Which of its own addresses a peer of a built-in point speaks to. Until one is saved: unknown.
  struct SavedOwnAddress {
    std::string source;
    wg::PublicKey key;
    base::IpAddress address;

    friend bool operator==(const SavedOwnAddress&, const SavedOwnAddress&) = default;
  };
  struct SavedRow {
    std::string source;
    wg::PublicKey key;
    std::optional<SavedPeer> peer;  ///< none: forget the row
  };
  struct SavedName {
    wg::PublicKey key;
    std::optional<KnownName> name;  ///< none: forget the row

    friend bool operator==(const SavedName&, const SavedName&) = default;
  };
  /// One transaction.
  struct Batch {
    std::vector<SavedSource> sources;
    std::vector<std::string> forgotten_sources;  ///< with all their peers
    std::vector<SavedRow> peers;      ///< their sources are in `sources`, or were saved before
    std::vector<SavedMark> marks;     ///< so are theirs; `removed` is not written
    std::vector<SavedRoutes> routes;  ///< a peer that is forgotten takes its own along
    std::vector<SavedOwnAddress> own_addresses;
    std::vector<SavedName> names;
    std::optional<std::uint32_t> serial_end;

    [[nodiscard]] bool empty() const {
      return sources.empty() && forgotten_sources.empty() && peers.empty() && marks.empty() &&
             routes.empty() && own_addresses.empty() && names.empty() && !serial_end;
    }
  };
  struct WriteError {
    std::string message;          ///< one sentence that names the file
    bool started_afresh = false;  ///< the file is another one now: what it should hold is not there
  };

  /// Opens, or makes, the folder and the file. problem() says what went wrong.
  explicit StateStore(const std::string& folder);

  /// Whether anything is kept.
  [[nodiscard]] bool is_durable() const { return database_ != nullptr; }
  /// Where nothing is kept: tries once more. \return is_durable()
  [[nodiscard]] bool open_again();
  [[nodiscard]] const std::string& path() const { return path_; }
  /// For the log: why nothing is kept, or which file was put aside. The caller that opens the store
  /// logs it, and the saver logs what reading adds. Empty: nothing to log.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// For the log: who else can write to the folder, one sentence each.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

  /// End of the last reservation; none: the first start.
  [[nodiscard]] std::optional<std::uint32_t> load_serial_end();
  [[nodiscard]] std::vector<SavedSource> load_sources();
  /// Calls `visit` for each peer of a source. A row that makes no sense is left out.
  void load_peers(const std::string& source, const std::function<void(const SavedPeer&)>& visit);
  [[nodiscard]] std::vector<SavedMark> load_marks(const std::string& source);
  [[nodiscard]] std::vector<SavedRoutes> load_routes(const std::string& source);
  [[nodiscard]] std::vector<SavedOwnAddress> load_own_addresses(const std::string& source);
  [[nodiscard]] PeerNames load_names();

  /// On disk when it returns without an error. With one the whole batch is not, as far as is known:
  /// nothing may rely on it, and nothing on its absence. Where nothing is kept it is an error.
  [[nodiscard]] base::Expected<void, WriteError> write(const Batch& batch);

 private:
  struct FileId {
    std::uint64_t device = 0;
    std::uint64_t number = 0;
    friend bool operator==(const FileId&, const FileId&) = default;
  };

  void try_to_open();
  void open_or_start_afresh();
  void open();
  void open_database_file();
  void put_aside(const std::string& kind, const std::string& reason);
  void carry_serial();
  [[nodiscard]] std::optional<std::uint32_t> read_serial_end() const;
  [[nodiscard]] std::optional<FileId> find_file() const;
  [[nodiscard]] WriteError replace_lost_file();
  [[nodiscard]] WriteError recover(const SqliteError& error);
  template <typename Read>
  void guard_read(Read read);

  std::string folder_;
  std::string path_;
  Database database_;           // null: nothing is kept
  std::optional<FileId> file_;  // that database_ was opened from
  std::string problem_;
  std::vector<std::string> warnings_;
  std::optional<std::uint32_t> serial_end_;  // that was written or read last
};

}  // namespace dnsd
