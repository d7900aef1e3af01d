#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "dnsd/state/database.hpp"

/// The tables of state.db, made and changed in numbered steps: step n brings a file of version n to
/// version n + 1. `PRAGMA user_version` in the file is its version; a new file has 0.
///
/// A step that was released is never edited: files in use have taken it. To change the tables,
///
///   1. write the function of the next step in migrations.cpp, and append it to `steps` there: the
///      version of this program is the number of steps;
///   2. give it its test in migrations_test.cpp: a file that took the steps before it, with rows in
///      it, takes this one and still holds what it held;
///   3. use the new tables in state_store.cpp.
namespace dnsd {

/// Changes the tables inside a transaction of its caller. \throws SqliteError
using MigrationStep = void (*)(const Database& database);

/// Element n is step n.
[[nodiscard]] std::span<const MigrationStep> migration_steps();

/// Of the file; never negative. \throws SqliteError
[[nodiscard]] std::size_t read_version(const Database& database);

/// Takes the steps that the file lacks, each in one transaction with its new version number: a
/// crash, or a step that fails, leaves it at the last version that it reached whole. Before the
/// first of them changes a file that was in use, the file is copied to `PATH.VERSION` (0600), for
/// an update that goes wrong; an earlier copy of that version is replaced, and without the copy no
/// step is taken. A file that lacks none, or is newer, is left as it is.
/// \param path of the database's file
/// \throws SqliteError, which names the copy where the copy is at fault
void migrate(const Database& database, const std::string& path,
             std::span<const MigrationStep> steps);

}  // namespace dnsd
