#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <string>

#include "base/expected.hpp"
#include "base/file_descriptor.hpp"

namespace updater {

/// The right to write to one interface of this network namespace: one updater at a time, whatever
/// its state file and control socket are, also while the interface does not exist. Two of them
/// would take each other's keepalives for the user's.
///
/// It is a listening socket with an abstract name (unix(7)), `@wg-updater/IFACE`. Such a name
/// belongs to a network namespace, as the interface does, needs no folder, and ends with its
/// process, however that ends. Whoever connects learns the process number of its holder.
///
/// \return the lock; without a descriptor, and with a warning in the log, where there is none to be
/// had: sockets are forbidden, or a user that is neither root, nor this one, nor the owner of
/// /run/wg-updater holds the name to keep updaters away. \error one sentence that names the holder.
[[nodiscard]] base::Expected<base::FileDescriptor, std::string> lock_interface(
    const std::string& interface);

/// Holds a lock, and answers those who ask who holds it. Used from the thread of its io_context.
class InterfaceLock {
 public:
  /// \param context outlives the lock. \param lock of lock_interface(); may be without a
  /// descriptor.
  InterfaceLock(asio::io_context& context, base::FileDescriptor lock);

 private:
  void wait();

  asio::posix::stream_descriptor socket_;
};

}  // namespace updater
