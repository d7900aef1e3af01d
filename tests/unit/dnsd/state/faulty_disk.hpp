#pragma once

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace dnsd {

/// While it lives, SQLite reaches the disk through this: each operation that changes the disk
/// (write, truncate, sync, open, delete) has a number, from 1 on, and may fail. What is written
/// before a crash of the process stays, so a copy of the files at that moment is what a restart
/// finds. One at a time; the database is used by one thread at a time.
class FaultyDisk {
 public:
  /// \param fails called before each operation. \return whether it fails; a write then leaves half
  /// of its octets.
  explicit FaultyDisk(std::function<bool(int number)> fails)
      : real_(sqlite3_vfs_find(nullptr)), fails_(std::move(fails)) {
    vfs_ = *real_;
    vfs_.zName = "faulty";
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = open;
    vfs_.xDelete = remove;
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~FaultyDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  [[nodiscard]] int operations() const { return operations_; }

 private:
  /// SQLite allocates it, and the file of the real VFS behind it.
  struct File {
    sqlite3_file base;
    FaultyDisk* disk;
    [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };

  bool fails() { return fails_(++operations_); }

  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  static FaultyDisk& of(sqlite3_vfs* vfs) { return *static_cast<FaultyDisk*>(vfs->pAppData); }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
    FaultyDisk& disk = of(vfs);
    File& wrapper = of(file);
    wrapper.base.pMethods = nullptr;
    wrapper.disk = &disk;
    if ((flags & SQLITE_OPEN_CREATE) != 0 && disk.fails()) return SQLITE_CANTOPEN;
    const int code = disk.real_->xOpen(disk.real_, name, wrapper.real(), flags, out);
    if (wrapper.real()->pMethods != nullptr) wrapper.base.pMethods = &methods;
    return code;
  }
  static int remove(sqlite3_vfs* vfs, const char* name, int /*sync*/) {
    FaultyDisk& disk = of(vfs);
    return disk.fails() ? SQLITE_IOERR_DELETE : disk.real_->xDelete(disk.real_, name, 0);
  }

  static int close(sqlite3_file* file) {
    return of(file).real()->pMethods->xClose(of(file).real());
  }
  static int read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
    return of(file).real()->pMethods->xRead(of(file).real(), to, size, offset);
  }
  static int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    const bool fails = of(file).disk->fails();
    const int code =
        of(file).real()->pMethods->xWrite(of(file).real(), from, fails ? size / 2 : size, offset);
    return fails ? SQLITE_FULL : code;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    if (of(file).disk->fails()) return SQLITE_IOERR_TRUNCATE;
    return of(file).real()->pMethods->xTruncate(of(file).real(), size);
  }
  /// Without a loss of power nothing needs to wait for the disk.
  static int sync(sqlite3_file* file, int /*flags*/) {
    return of(file).disk->fails() ? SQLITE_IOERR_FSYNC : SQLITE_OK;
  }
  static int size(sqlite3_file* file, sqlite3_int64* size) {
    return of(file).real()->pMethods->xFileSize(of(file).real(), size);
  }
  static int lock(sqlite3_file* file, int level) {
    return of(file).real()->pMethods->xLock(of(file).real(), level);
  }
  static int unlock(sqlite3_file* file, int level) {
    return of(file).real()->pMethods->xUnlock(of(file).real(), level);
  }
  static int check_lock(sqlite3_file* file, int* held) {
    return of(file).real()->pMethods->xCheckReservedLock(of(file).real(), held);
  }
  static int control(sqlite3_file* file, int operation, void* argument) {
    return of(file).real()->pMethods->xFileControl(of(file).real(), operation, argument);
  }
  static int sector(sqlite3_file* file) {
    return of(file).real()->pMethods->xSectorSize(of(file).real());
  }
  static int traits(sqlite3_file* file) {
    return of(file).real()->pMethods->xDeviceCharacteristics(of(file).real());
  }

  /// Version 1: no shared memory, which an exclusively locked database does not use.
  static constexpr sqlite3_io_methods methods = {
      1,       close,  read,   write,   truncate, sync,    size,    lock,    unlock, check_lock,
      control, sector, traits, nullptr, nullptr,  nullptr, nullptr, nullptr, nullptr};

  sqlite3_vfs* real_;
  sqlite3_vfs vfs_{};
  std::function<bool(int)> fails_;
  int operations_ = 0;
};

}  // namespace dnsd
