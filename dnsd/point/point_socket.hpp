#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <system_error>

#include "base/bytes.hpp"
#include "base/expected.hpp"
#include "base/file_descriptor.hpp"
#include "noise/session.hpp"

namespace dnsd {

/// The UDP socket of a built-in observation point: many datagrams per system call, each with the
/// address of ours that it was sent to, so that replies leave from there. Datagrams that the kernel
/// joined (UDP_GRO) stay joined as far as they belong to one session; where nothing comes joined,
/// the kernel is not asked to (JoinSwitch). One thread.
class PointSocket {
 public:
  /// \param listen the unspecified address of a family: all its addresses
  [[nodiscard]] static base::Expected<PointSocket, std::error_code> open(
      const base::Endpoint& listen);
  ~PointSocket();
  PointSocket(PointSocket&&) noexcept;
  PointSocket& operator=(PointSocket&&) noexcept;

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// One datagram; or several of transport data under one session index, each of `segment` octets
  /// but the last, which may be shorter.
  struct Arrival {
    base::MutableBytes octets;
    std::size_t segment = 0;  ///< octets.size() or less
    const noise::Path* path = nullptr;

    [[nodiscard]] std::size_t datagrams() const {
      return segment == 0 ? 1 : (octets.size() + segment - 1) / segment;
    }
  };
  /// Flushes, because what was lent points to what was received before. Then receives what waits,
  /// at most one batch of 64, or of 16 while they come joined. \return all of it, to be changed at
  /// will; valid until the next call
  [[nodiscard]] std::span<const Arrival> receive();
  /// Whether there may be more than the last receive() returned.
  [[nodiscard]] bool has_more() const;
  static constexpr std::size_t batch_size = 64;
  /// The longest datagram of UDP over IPv4: nothing that can arrive is cut.
  static constexpr std::size_t max_datagram = 65'507;

  /// Puts one datagram into the outgoing batch; a full batch is sent. \param datagram at most 2048
  /// octets, otherwise it is dropped
  void put(const noise::Path& path, base::Bytes datagram);
  /// The same without a copy: `octets` stay as they are until flush() or receive(). Datagrams keep
  /// their sizes, whatever those are, and their order to one place; how many of them pass through
  /// the kernel as one is OutgoingBatch's affair. \param segment as in Arrival
  void lend(const noise::Path& path, base::Bytes octets, std::size_t segment);
  /// Sends what was put and lent; what the kernel does not take is dropped, as a network would.
  void flush();

 private:
  class Buffers;
  /// \param own the address that it is bound to; nullopt: all of a family
  PointSocket(base::FileDescriptor socket, std::optional<base::IpAddress> own);

  base::FileDescriptor socket_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace dnsd
