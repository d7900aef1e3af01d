#include "dnsd/state/state_store.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <limits>
#include <span>
#include <system_error>

namespace dnsd {
namespace {

constexpr const char* schema =
    "CREATE TABLE source (name TEXT PRIMARY KEY, own_key BLOB) WITHOUT ROWID;"
    // Times in Unix seconds; endpoint and both times are NULL for a peer that was never seen.
    "CREATE TABLE peer (source TEXT NOT NULL, public_key BLOB NOT NULL, endpoint TEXT,"
    " since INTEGER, last_seen INTEGER, allowed_ips TEXT NOT NULL,"
    " PRIMARY KEY (source, public_key)) WITHOUT ROWID;"
    "CREATE TABLE serial (only_row INTEGER PRIMARY KEY CHECK (only_row = 1),"
    " reserved_end INTEGER NOT NULL);";

/// From version 1 to version 2; timestamps are TAI64N, 12 octets.
constexpr const char* second_schema =
    "ALTER TABLE source ADD COLUMN last_timestamp BLOB;"
    "CREATE TABLE mark (source TEXT NOT NULL, public_key BLOB NOT NULL, timestamp BLOB NOT NULL,"
    " PRIMARY KEY (source, public_key)) WITHOUT ROWID;";

struct SqliteError {
  int code;
  std::string message;

  /// What a new file mends.
  [[nodiscard]] bool is_damage() const { return code == SQLITE_CORRUPT || code == SQLITE_NOTADB; }
};

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

void check(int code, sqlite3* database) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  throw SqliteError{code & 0xff,
                    database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database)};
}

void execute(const Database& database, const char* sql) {
  check(sqlite3_exec(database.get(), sql, nullptr, nullptr, nullptr), database.get());
}

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

/// A prepared statement; parameters and columns in the order of the call.
class Statement {
 public:
  Statement(const Database& database, const char* sql) : database_(database.get()) {
    sqlite3_stmt* raw = nullptr;
    check(sqlite3_prepare_v2(database_, sql, -1, &raw, nullptr), database_);
    statement_.reset(raw);
  }

  Statement& bind(const std::string& text) {
    check(sqlite3_bind_text64(statement_.get(), ++bound_, text.data(), text.size(),
                              SQLITE_TRANSIENT, SQLITE_UTF8),
          database_);
    return *this;
  }
  Statement& bind(std::int64_t number) {
    check(sqlite3_bind_int64(statement_.get(), ++bound_, number), database_);
    return *this;
  }
  Statement& bind(const std::optional<wg::PublicKey>& key) {
    ++bound_;
    check(key ? sqlite3_bind_blob64(statement_.get(), bound_, key->octets().data(),
                                    key->octets().size(), SQLITE_TRANSIENT)
              : sqlite3_bind_null(statement_.get(), bound_),
          database_);
    return *this;
  }
  Statement& bind(const noise::Tai64n& timestamp) {
    const auto& octets = timestamp.octets();
    check(sqlite3_bind_blob64(statement_.get(), ++bound_, octets.data(), octets.size(),
                              SQLITE_TRANSIENT),
          database_);
    return *this;
  }
  Statement& bind_null() {
    check(sqlite3_bind_null(statement_.get(), ++bound_), database_);
    return *this;
  }

  /// \return whether there is a row.
  bool step() {
    const int code = sqlite3_step(statement_.get());
    check(code, database_);
    return code == SQLITE_ROW;
  }
  /// Runs it to its end; then new parameters can be bound.
  void run() {
    while (step()) {
    }
    check(sqlite3_reset(statement_.get()), database_);
    bound_ = 0;
  }

  [[nodiscard]] bool is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
  }
  [[nodiscard]] std::int64_t number(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
  }
  [[nodiscard]] std::string text(int column) const {
    const std::span<const std::uint8_t> octets = blob(column);
    return {octets.begin(), octets.end()};
  }
  [[nodiscard]] std::optional<wg::PublicKey> key(int column) const {
    const std::span<const std::uint8_t> octets = blob(column);
    base::Octets32 copy{};
    if (octets.size() != copy.size()) return std::nullopt;
    std::copy(octets.begin(), octets.end(), copy.begin());
    return wg::PublicKey(copy);
  }
  /// The default: there is none.
  [[nodiscard]] noise::Tai64n timestamp(int column) const {
    const std::span<const std::uint8_t> octets = blob(column);
    noise::Tai64n::Octets copy{};
    if (octets.size() == copy.size()) std::copy(octets.begin(), octets.end(), copy.begin());
    return noise::Tai64n(copy);
  }

 private:
  [[nodiscard]] std::span<const std::uint8_t> blob(int column) const {
    const void* data = sqlite3_column_blob(statement_.get(), column);
    const int size = sqlite3_column_bytes(statement_.get(), column);
    if (data == nullptr || size <= 0) return {};
    return {static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
  }

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement_;
  int bound_ = 0;
};

std::int64_t to_number(base::WallTime time) {
  return time.time_since_epoch().count();
}

std::string to_text(const std::vector<base::Prefix>& prefixes) {
  std::string text;
  for (const base::Prefix& prefix : prefixes) {
    if (!text.empty()) text += ',';
    text += prefix.to_string();
  }
  return text;
}

std::optional<std::vector<base::Prefix>> parse_prefixes(std::string_view text) {
  std::vector<base::Prefix> prefixes;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const auto prefix = base::Prefix::parse(text.substr(0, end));
    if (!prefix) return std::nullopt;
    prefixes.push_back(*prefix);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return prefixes;
}

/// public_key, endpoint, since, last_seen, allowed_ips.
std::optional<SavedPeer> read_peer(const Statement& row) {
  const auto key = row.key(0);
  auto prefixes = parse_prefixes(row.text(4));
  if (!key || !prefixes) return std::nullopt;
  SavedPeer peer{*key, std::nullopt, std::move(*prefixes)};
  if (row.is_null(1)) return peer;
  const auto endpoint = base::Endpoint::parse(row.text(1));
  // Year 1970 to 10000: what is outside would overflow the arithmetic on ages.
  constexpr std::int64_t latest = 253402300800;
  const std::int64_t since = row.number(2);
  const std::int64_t last_seen = row.number(3);
  if (!endpoint || since < 0 || since > latest || last_seen < 0 || last_seen > latest)
    return std::nullopt;
  peer.sighting = {*endpoint, base::WallTime(std::chrono::seconds(since)),
                   base::WallTime(std::chrono::seconds(last_seen))};
  return peer;
}

}  // namespace

class StateStore::Impl {
 public:
  explicit Impl(const std::string& folder) : path_(folder + "/state.db") {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);  // what fails here fails again in open()
    try {
      open_or_start_afresh();
    } catch (const SqliteError& error) {
      database_.reset();
      problem_ = fmt::format("{}: {}: endpoints and the serial are kept in memory only", path_,
                             ec ? ec.message() : error.message);
    }
  }

  [[nodiscard]] bool is_durable() const { return database_ != nullptr; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  std::optional<std::uint32_t> load_serial_end() {
    std::optional<std::uint32_t> end;
    guard_read([&] {
      Statement row(database_, "SELECT reserved_end FROM serial");
      if (row.step()) end = static_cast<std::uint32_t>(row.number(0));
    });
    return end;
  }

  std::vector<SavedSource> load_sources() {
    std::vector<SavedSource> sources;
    guard_read([&] {
      Statement row(database_, "SELECT name, own_key, last_timestamp FROM source ORDER BY name");
      while (row.step()) sources.push_back({row.text(0), row.key(1), row.timestamp(2)});
    });
    return sources;
  }

  void load_peers(const std::string& source, const std::function<void(const SavedPeer&)>& visit) {
    guard_read([&] {
      Statement row(database_,
                    "SELECT public_key, endpoint, since, last_seen, allowed_ips FROM peer "
                    "WHERE source = ?");
      row.bind(source);
      while (row.step()) {
        if (const auto peer = read_peer(row)) visit(*peer);
      }
    });
  }

  std::vector<SavedMark> load_marks(const std::string& source) {
    std::vector<SavedMark> marks;
    guard_read([&] {
      Statement row(database_, "SELECT public_key, timestamp FROM mark WHERE source = ?");
      row.bind(source);
      while (row.step()) {
        if (const auto key = row.key(0)) marks.push_back({source, *key, row.timestamp(1)});
      }
    });
    return marks;
  }

  base::Expected<void, WriteError> write(const Batch& batch) {
    if (!is_durable() || batch.empty()) return {};
    try {
      execute(database_, "BEGIN IMMEDIATE");
      write_sources(batch);
      write_peers(batch);
      write_marks(batch);
      if (batch.serial_end) {
        Statement(database_,
                  "INSERT INTO serial VALUES (1, ?) "
                  "ON CONFLICT (only_row) DO UPDATE SET reserved_end = excluded.reserved_end")
            .bind(std::int64_t{*batch.serial_end})
            .run();
      }
      execute(database_, "COMMIT");
      return {};
    } catch (const SqliteError& error) {
      sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
      return base::Unexpected(recover(error));
    }
  }

 private:
  void open_or_start_afresh() {
    try {
      open();
    } catch (const SqliteError& error) {
      if (!error.is_damage()) throw;
      put_aside("damaged", error.message);
      open();
    }
  }

  void open() {
    sqlite3* raw = nullptr;
    const int code =
        sqlite3_open_v2(path_.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    database_.reset(raw);
    check(code, raw);
    // One daemon per folder: a second one is told that the file is locked. No shared memory file.
    execute(database_, "PRAGMA locking_mode = EXCLUSIVE");
    execute(database_, "PRAGMA journal_mode = WAL");
    // A reserved serial must survive a loss of power; WAL's default would not wait for the disk.
    execute(database_, "PRAGMA synchronous = FULL");
    const std::int64_t version = read_version();
    if (version == schema_version) return;
    if (version > schema_version) {
      put_aside(
          fmt::format("version-{}", version),
          fmt::format("its schema has version {}, this program knows {}", version, schema_version));
      open();
      return;
    }
    execute(database_, "BEGIN EXCLUSIVE");
    if (version < 1) execute(database_, schema);
    execute(database_, second_schema);
    execute(database_, fmt::format("PRAGMA user_version = {}", schema_version).c_str());
    execute(database_, "COMMIT");
  }

  [[nodiscard]] std::int64_t read_version() const {
    Statement row(database_, "PRAGMA user_version");
    return row.step() ? row.number(0) : 0;
  }

  /// Renames the file and what belongs to it; an earlier one of the same kind is replaced.
  void put_aside(const std::string& kind, const std::string& reason) {
    database_.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::error_code ec;
      std::filesystem::rename(path_ + suffix, fmt::format("{}.{}{}", path_, kind, suffix), ec);
      if (ec && *suffix == '\0') throw SqliteError{SQLITE_CANTOPEN, ec.message()};
    }
    problem_ = fmt::format("{}: {}: kept as {}.{}, a new one is begun", path_, reason, path_, kind);
  }

  /// Damage found while reading ends the reading: what was read until then stands.
  template <typename Read>
  void guard_read(Read read) {
    if (!is_durable()) return;
    try {
      read();
    } catch (const SqliteError& error) {
      problem_ = recover(error).message;
    }
  }

  WriteError recover(const SqliteError& error) {
    WriteError result{fmt::format("{}: {}", path_, error.message), false};
    if (!error.is_damage()) return result;
    try {
      put_aside("damaged", error.message);
      open();
      result = {problem_, true};
    } catch (const SqliteError& again) {
      database_.reset();
      result.message = fmt::format("{}: {}: endpoints and the serial are kept in memory only",
                                   path_, again.message);
    }
    return result;
  }

  void write_sources(const Batch& batch) {
    Statement save(database_,
                   "INSERT INTO source VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                   "own_key = excluded.own_key, last_timestamp = excluded.last_timestamp");
    for (const SavedSource& source : batch.sources)
      save.bind(source.name).bind(source.own_key).bind(source.last_timestamp).run();
    Statement forget_peers(database_, "DELETE FROM peer WHERE source = ?");
    Statement forget_marks(database_, "DELETE FROM mark WHERE source = ?");
    Statement forget_source(database_, "DELETE FROM source WHERE name = ?");
    for (const std::string& source : batch.forgotten_sources) {
      forget_peers.bind(source).run();
      forget_marks.bind(source).run();
      forget_source.bind(source).run();
    }
  }

  void write_peers(const Batch& batch) {
    Statement save(database_, "INSERT OR REPLACE INTO peer VALUES (?, ?, ?, ?, ?, ?)");
    Statement forget(database_, "DELETE FROM peer WHERE source = ? AND public_key = ?");
    Statement forget_mark(database_, "DELETE FROM mark WHERE source = ? AND public_key = ?");
    for (const SavedRow& row : batch.peers) {
      if (!row.peer) {
        forget.bind(row.source).bind(row.key).run();
        forget_mark.bind(row.source).bind(row.key).run();
        continue;
      }
      save.bind(row.source).bind(row.key);
      if (const auto& sighting = row.peer->sighting) {
        save.bind(sighting->endpoint.to_string())
            .bind(to_number(sighting->since))
            .bind(to_number(sighting->last_seen));
      } else {
        save.bind_null().bind_null().bind_null();
      }
      save.bind(to_text(row.peer->allowed_ips)).run();
    }
  }

  void write_marks(const Batch& batch) {
    Statement save(database_, "INSERT OR REPLACE INTO mark VALUES (?, ?, ?)");
    for (const SavedMark& mark : batch.marks)
      save.bind(mark.source).bind(mark.key).bind(mark.timestamp).run();
  }

  std::string path_;
  Database database_;
  std::string problem_;
};

StateStore::StateStore(const std::string& folder) : impl_(std::make_unique<Impl>(folder)) {}
StateStore::~StateStore() = default;
StateStore::StateStore(StateStore&&) noexcept = default;
StateStore& StateStore::operator=(StateStore&&) noexcept = default;

bool StateStore::is_durable() const {
  return impl_->is_durable();
}
const std::string& StateStore::problem() const {
  return impl_->problem();
}
std::optional<std::uint32_t> StateStore::load_serial_end() {
  return impl_->load_serial_end();
}
std::vector<StateStore::SavedSource> StateStore::load_sources() {
  return impl_->load_sources();
}
void StateStore::load_peers(const std::string& source,
                            const std::function<void(const SavedPeer&)>& visit) {
  impl_->load_peers(source, visit);
}
std::vector<StateStore::SavedMark> StateStore::load_marks(const std::string& source) {
  return impl_->load_marks(source);
}
base::Expected<void, StateStore::WriteError> StateStore::write(const Batch& batch) {
  return impl_->write(batch);
}

}  // namespace dnsd
