// The rows of state.db: which objects they hold, and what happens when the file cannot be opened,
// read or written. The control thread opens and reads at the start, the disk pool's thread writes
// afterwards, never both at once. Elsewhere: SQLite's interface in database.hpp, the tables and
// their versions in migrations.hpp.

#include "dnsd/state/state_store.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "dnsd/peers/serial.hpp"
#include "dnsd/state/migrations.hpp"
#include "dnsd/state/state_folder.hpp"
#include "noise/departed_marks.hpp"
#include "schema/owner_name.hpp"

namespace dnsd {
namespace {

/// Year 1970 to 10000: what is outside would overflow the arithmetic on ages.
constexpr std::int64_t latest_second = 253402300800;

/// nullopt: not 32 octets.
std::optional<wg::PublicKey> read_key(const Statement& row, int column) {
  const base::Bytes octets = row.blob(column);
  base::Octets32 copy{};
  if (octets.size() != copy.size()) return std::nullopt;
  std::copy(octets.begin(), octets.end(), copy.begin());
  return wg::PublicKey(copy);
}

/// The default: there is none.
noise::Tai64n read_timestamp(const Statement& row, int column) {
  const base::Bytes octets = row.blob(column);
  noise::Tai64n::Octets copy{};
  if (octets.size() == copy.size()) std::copy(octets.begin(), octets.end(), copy.begin());
  return noise::Tai64n(copy);
}

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
  const auto key = read_key(row, 0);
  auto prefixes = parse_prefixes(row.text(4));
  if (!key || !prefixes) return std::nullopt;
  SavedPeer peer{*key, std::nullopt, std::move(*prefixes)};
  peer.was_seen = !row.is_null(3);
  if (row.is_null(1)) return peer;
  const auto endpoint = base::Endpoint::parse(row.text(1));
  const std::int64_t since = row.number(2);
  const std::int64_t last_seen = row.number(3);
  if (!endpoint || since < 0 || since > latest_second || last_seen < 0 || last_seen > latest_second)
    return std::nullopt;
  peer.sighting = {*endpoint, base::WallTime(std::chrono::seconds(since)),
                   base::WallTime(std::chrono::seconds(last_seen))};
  return peer;
}

constexpr std::size_t session_octets = 4 + 8;

std::vector<std::uint8_t> write_sessions(
    const std::vector<StateStore::SavedRoutes::Session>& sessions) {
  std::vector<std::uint8_t> octets(sessions.size() * session_octets);
  base::ByteWriter writer(octets);
  for (const auto& [index, expires] : sessions) {
    const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(to_number(expires), 0));
    writer.u32(index);
    writer.u32(static_cast<std::uint32_t>(seconds >> 32U));
    writer.u32(static_cast<std::uint32_t>(seconds));
  }
  return octets;
}

/// What makes no sense is left out.
std::vector<StateStore::SavedRoutes::Session> parse_sessions(base::Bytes octets) {
  std::vector<StateStore::SavedRoutes::Session> sessions;
  base::ByteReader reader(octets);
  while (reader.remaining() >= session_octets) {
    const std::uint32_t index = reader.u32();
    const std::uint64_t high = reader.u32();
    const std::uint64_t seconds = (high << 32U) | reader.u32();
    if (seconds > static_cast<std::uint64_t>(latest_second)) continue;
    sessions.push_back({index, base::WallTime(std::chrono::seconds(seconds))});
  }
  return sessions;
}

void write_sources(const Database& database, const StateStore::Batch& batch) {
  Statement save(database,
                 "INSERT INTO source VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                 "own_key = excluded.own_key, last_timestamp = excluded.last_timestamp");
  for (const StateStore::SavedSource& source : batch.sources) {
    save.bind(source.name);
    if (source.own_key) {
      save.bind(source.own_key->octets());
    } else {
      save.bind_null();
    }
    save.bind(source.last_timestamp.octets()).run();
  }
  Statement forget_peers(database, "DELETE FROM peer WHERE source = ?");
  Statement forget_marks(database, "DELETE FROM mark WHERE source = ?");
  Statement forget_routes(database, "DELETE FROM route WHERE source = ?");
  Statement forget_addresses(database, "DELETE FROM own_address WHERE source = ?");
  Statement forget_source(database, "DELETE FROM source WHERE name = ?");
  for (const std::string& source : batch.forgotten_sources) {
    forget_peers.bind(source).run();
    forget_marks.bind(source).run();
    forget_routes.bind(source).run();
    forget_addresses.bind(source).run();
    forget_source.bind(source).run();
  }
}

/// Of peers that left: kept for a day, and no more than the points keep.
void drop_old_marks(const Database& database) {
  execute(database, fmt::format("DELETE FROM mark WHERE removed < strftime('%s', 'now') - {}",
                                std::chrono::seconds(noise::DepartedMarks::kept_for).count()));
  execute(
      database,
      fmt::format("DELETE FROM mark WHERE removed <= (SELECT removed FROM mark WHERE removed IS "
                  "NOT NULL ORDER BY removed DESC LIMIT 1 OFFSET {})",
                  noise::DepartedMarks::most));
}

void write_peers(const Database& database, const StateStore::Batch& batch) {
  Statement save(database, "INSERT OR REPLACE INTO peer VALUES (?, ?, ?, ?, ?, ?)");
  Statement forget(database, "DELETE FROM peer WHERE source = ? AND public_key = ?");
  Statement leave_mark(database,
                       "UPDATE mark SET removed = CAST(strftime('%s', 'now') AS INTEGER) "
                       "WHERE source = ? AND public_key = ? AND removed IS NULL");
  Statement forget_sent(database, "DELETE FROM route WHERE source = ? AND sender = ?");
  Statement forget_received(database, "DELETE FROM route WHERE source = ? AND receiver = ?");
  Statement forget_address(database, "DELETE FROM own_address WHERE source = ? AND public_key = ?");
  bool has_left = false;
  for (const StateStore::SavedRow& row : batch.peers) {
    if (!row.peer) {
      forget.bind(row.source).bind(row.key.octets()).run();
      for (Statement* const statement :
           {&leave_mark, &forget_sent, &forget_received, &forget_address})
        statement->bind(row.source).bind(row.key.octets()).run();
      has_left = true;
      continue;
    }
    save.bind(row.source).bind(row.key.octets());
    if (const auto& sighting = row.peer->sighting) {
      save.bind(sighting->endpoint.to_string())
          .bind(to_number(sighting->since))
          .bind(to_number(sighting->last_seen));
    } else {
      save.bind_null().bind_null();
      if (row.peer->was_seen) {
        save.bind(std::int64_t{0});
      } else {
        save.bind_null();
      }
    }
    save.bind(to_text(row.peer->allowed_ips)).run();
  }
  if (has_left) drop_old_marks(database);
}

void write_marks(const Database& database, const StateStore::Batch& batch) {
  Statement save(database, "INSERT OR REPLACE INTO mark VALUES (?, ?, ?, NULL)");
  for (const StateStore::SavedMark& mark : batch.marks)
    save.bind(mark.source).bind(mark.key.octets()).bind(mark.timestamp.octets()).run();
}

void write_routes(const Database& database, const StateStore::Batch& batch) {
  Statement save(database, "INSERT OR REPLACE INTO route VALUES (?, ?, ?, ?)");
  Statement forget(database, "DELETE FROM route WHERE source = ? AND sender = ? AND receiver = ?");
  for (const StateStore::SavedRoutes& routes : batch.routes) {
    Statement& statement = routes.sessions.empty() ? forget : save;
    statement.bind(routes.source).bind(routes.from.octets()).bind(routes.to.octets());
    const std::vector<std::uint8_t> sessions = write_sessions(routes.sessions);
    if (!sessions.empty()) statement.bind(base::Bytes(sessions));
    statement.run();
  }
  Statement save_address(database, "INSERT OR REPLACE INTO own_address VALUES (?, ?, ?)");
  for (const StateStore::SavedOwnAddress& own : batch.own_addresses)
    save_address.bind(own.source).bind(own.key.octets()).bind(own.address.to_string()).run();
}

void write_names(const Database& database, const StateStore::Batch& batch) {
  Statement save(database, "INSERT OR REPLACE INTO name VALUES (?, ?, ?)");
  Statement forget(database, "DELETE FROM name WHERE public_key = ?");
  for (const StateStore::SavedName& row : batch.names) {
    if (!row.name) {
      forget.bind(row.key.octets()).run();
      continue;
    }
    save.bind(row.key.octets()).bind(row.name->name).bind(std::int64_t{row.name->is_given}).run();
  }
}

void write_serial_end(const Database& database, std::uint32_t end) {
  Statement(database,
            "INSERT INTO serial VALUES (1, ?) "
            "ON CONFLICT (only_row) DO UPDATE SET reserved_end = excluded.reserved_end")
      .bind(std::int64_t{end})
      .run();
}

std::string in_memory_only(const std::string& path, const std::string& reason) {
  return fmt::format(
      "{}: {}: endpoints and the serial are kept in memory only, and it is tried again", path,
      reason);
}

}  // namespace

StateStore::StateStore(const std::string& folder) : folder_(folder), path_(folder + "/state.db") {
  try_to_open();
}

// Opening, and what can prevent it

bool StateStore::open_again() {
  if (!is_durable()) try_to_open();
  return is_durable();
}

void StateStore::try_to_open() {
  problem_.clear();
  try {
    open_or_start_afresh();
  } catch (const SqliteError& error) {
    database_.reset();
    problem_ = in_memory_only(path_, find_missing_right(folder_, path_).value_or(error.message));
  }
}

void StateStore::open_or_start_afresh() {
  auto warnings = prepare_state_folder(folder_);
  if (!warnings) throw SqliteError{SQLITE_CANTOPEN, warnings.error()};
  warnings_ = *std::move(warnings);
  try {
    open();
  } catch (const SqliteError& error) {
    if (!error.is_damage()) throw;
    put_aside("damaged", error.message);
    open();
  }
}

void StateStore::open() {
  const auto found = prepare_state_file(path_);
  if (!found) throw SqliteError{SQLITE_CANTOPEN, found.error()};
  if (*found == StateFile::empty)
    throw SqliteError{SQLITE_CORRUPT, "it is empty, so what it held is lost"};
  try {
    open_database_file();
  } catch (const SqliteError&) {
    database_.reset();
    // The next attempt must not take it for a state that was lost.
    std::error_code ec;
    if (*found == StateFile::made && std::filesystem::file_size(path_, ec) == 0 && !ec)
      std::filesystem::remove(path_, ec);
    throw;
  }
}

void StateStore::open_database_file() {
  database_ = open_database(path_);
  // One daemon per folder: a second one finds the file locked. No shared memory file.
  execute(database_, "PRAGMA locking_mode = EXCLUSIVE");
  execute(database_, "PRAGMA journal_mode = WAL");
  // A reserved serial must survive a loss of power; WAL's default would not wait for the disk.
  execute(database_, "PRAGMA synchronous = FULL");
  const std::size_t version = read_version(database_);
  const std::size_t ours = migration_steps().size();
  if (version > ours) {
    put_aside(fmt::format("version-{}", version),
              fmt::format("its schema has version {}, this program knows {}", version, ours));
    open();
    return;
  }
  migrate(database_, path_, migration_steps());
  carry_serial();
  file_ = find_file();
}

/// A file that replaces one that was in use begins where that one ended: nothing else can come
/// before it. Read at once, so that damage which shows later does not cost the serial.
void StateStore::carry_serial() {
  if (!serial_end_) {
    serial_end_ = read_serial_end();
    return;
  }
  const auto end = read_serial_end();
  if (end && !is_after(*serial_end_, *end)) return;
  Transaction transaction(database_);
  write_serial_end(database_, *serial_end_);
  transaction.commit();
}

/// Renames the file and what belongs to it; an earlier one of the same kind is replaced.
void StateStore::put_aside(const std::string& kind, const std::string& reason) {
  database_.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ec;
    std::filesystem::rename(path_ + suffix, fmt::format("{}.{}{}", path_, kind, suffix), ec);
    if (ec && *suffix == '\0') throw SqliteError{SQLITE_CANTOPEN, ec.message()};
  }
  problem_ = fmt::format("{}: {}: kept as {}.{}, a new one is begun", path_, reason, path_, kind);
}

std::optional<StateStore::FileId> StateStore::find_file() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

/// What is written to a file that has no name any more is lost with this process.
StateStore::WriteError StateStore::replace_lost_file() {
  database_.reset();
  try_to_open();
  if (!is_durable()) return {problem_, false};
  return {fmt::format("{}: the file was removed or replaced while it was in use{}", path_,
                      problem_.empty() ? "" : "; " + problem_),
          true};
}

StateStore::WriteError StateStore::recover(const SqliteError& error) {
  WriteError result{
      fmt::format("{}: {}", path_, find_missing_right(folder_, path_).value_or(error.message)),
      false};
  if (!error.is_damage()) return result;
  try {
    put_aside("damaged", error.message);
    open();
    result = {problem_, true};
  } catch (const SqliteError& again) {
    database_.reset();
    problem_ = in_memory_only(path_, find_missing_right(folder_, path_).value_or(again.message));
    result.message = problem_;
  }
  return result;
}

// Reading

/// Damage found while reading ends the reading; what was read until then is kept.
template <typename Read>
void StateStore::guard_read(Read read) {
  if (!is_durable()) return;
  try {
    read();
  } catch (const SqliteError& error) {
    problem_ = recover(error).message;
  }
}

std::optional<std::uint32_t> StateStore::read_serial_end() const {
  Statement row(database_, "SELECT reserved_end FROM serial");
  if (!row.step()) return std::nullopt;
  return static_cast<std::uint32_t>(row.number(0));
}

std::optional<std::uint32_t> StateStore::load_serial_end() {
  guard_read([&] {
    if (const auto end = read_serial_end()) serial_end_ = end;
  });
  return serial_end_;
}

std::vector<StateStore::SavedSource> StateStore::load_sources() {
  std::vector<SavedSource> sources;
  guard_read([&] {
    Statement row(database_, "SELECT name, own_key, last_timestamp FROM source ORDER BY name");
    while (row.step()) sources.push_back({row.text(0), read_key(row, 1), read_timestamp(row, 2)});
  });
  return sources;
}

void StateStore::load_peers(const std::string& source,
                            const std::function<void(const SavedPeer&)>& visit) {
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

std::vector<StateStore::SavedMark> StateStore::load_marks(const std::string& source) {
  std::vector<SavedMark> marks;
  guard_read([&] {
    Statement row(database_, "SELECT public_key, timestamp, removed FROM mark WHERE source = ?");
    row.bind(source);
    while (row.step()) {
      const auto key = read_key(row, 0);
      if (!key) continue;
      marks.push_back({source, *key, read_timestamp(row, 1)});
      if (const std::int64_t removed = row.number(2); removed > 0)
        marks.back().removed = base::WallTime(std::chrono::seconds(removed));
    }
  });
  return marks;
}

std::vector<StateStore::SavedRoutes> StateStore::load_routes(const std::string& source) {
  std::vector<SavedRoutes> routes;
  guard_read([&] {
    Statement row(database_, "SELECT sender, receiver, sessions FROM route WHERE source = ?");
    row.bind(source);
    while (row.step()) {
      const auto from = read_key(row, 0);
      const auto to = read_key(row, 1);
      if (from && to) routes.push_back({source, *from, *to, parse_sessions(row.blob(2))});
    }
  });
  return routes;
}

std::vector<StateStore::SavedOwnAddress> StateStore::load_own_addresses(const std::string& source) {
  std::vector<SavedOwnAddress> addresses;
  guard_read([&] {
    Statement row(database_, "SELECT public_key, address FROM own_address WHERE source = ?");
    row.bind(source);
    while (row.step()) {
      const auto key = read_key(row, 0);
      const auto address = base::IpAddress::parse(row.text(1));
      if (key && address) addresses.push_back({source, *key, *address});
    }
  });
  return addresses;
}

PeerNames StateStore::load_names() {
  PeerNames names;
  guard_read([&] {
    Statement row(database_, "SELECT public_key, name, given FROM name");
    while (row.step()) {
      const auto key = read_key(row, 0);
      KnownName known{row.text(1), row.number(2) != 0};
      if (key && !schema::check_peer_label(known.name)) names.emplace(*key, std::move(known));
    }
  });
  return names;
}

// Writing

base::Expected<void, StateStore::WriteError> StateStore::write(const Batch& batch) {
  if (!is_durable()) return base::Unexpected(WriteError{problem_, false});
  if (batch.empty()) return {};
  if (find_file() != file_) return base::Unexpected(replace_lost_file());
  try {
    Transaction transaction(database_);
    write_sources(database_, batch);
    write_peers(database_, batch);
    write_marks(database_, batch);
    write_routes(database_, batch);
    write_names(database_, batch);
    if (batch.serial_end) write_serial_end(database_, *batch.serial_end);
    transaction.commit();
    if (batch.serial_end) serial_end_ = batch.serial_end;
    return {};
  } catch (const SqliteError& error) {
    return base::Unexpected(recover(error));
  }
}

}  // namespace dnsd
