#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <system_error>

#include "base/bytes.hpp"
#include "base/expected.hpp"
#include "base/file_descriptor.hpp"
#include "noise/session.hpp"

namespace dnsd {

/// The UDP socket of a built-in observation point: many datagrams per system call, each with the
/// address of ours that it was sent to, so that replies leave from there. One thread.
class PointSocket {
 public:
  /// \param listen the unspecified address of a family: all its addresses
  [[nodiscard]] static base::Expected<PointSocket, std::error_code> open(
      const base::Endpoint& listen);
  ~PointSocket();
  PointSocket(PointSocket&&) noexcept;
  PointSocket& operator=(PointSocket&&) noexcept;

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// Receives what waits, at most one batch of 64, and gives each datagram to `take`, which may
  /// change it. What is longer than 9216 octets was cut and is left out. \return how many came
  std::size_t receive(
      const std::function<void(base::MutableBytes datagram, const noise::Path& path)>& take);
  static constexpr std::size_t batch_size = 64;

  /// Puts one datagram into the outgoing batch; a full batch is sent. \param datagram at most 2048
  /// octets, otherwise it is dropped
  void put(const noise::Path& path, base::Bytes datagram);
  /// Sends what was put; what the kernel does not take is dropped, as a network would.
  void flush();

 private:
  class Buffers;
  explicit PointSocket(base::FileDescriptor socket);

  base::FileDescriptor socket_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace dnsd
