#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "dns/name.hpp"
#include "dns/request.hpp"
#include "dns/types.hpp"

namespace dns {

inline constexpr std::uint16_t our_udp_octets =
    1232;  // RFC 9715 §3.2: fits every path without fragments

inline constexpr std::size_t max_nsid_octets = 64;

enum class Section : std::uint8_t { answer, authority, additional };

/// Receives the records of one reply in the order in which they are to be written: answer,
/// authority, additional.
class RecordSink {
 public:
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;
  virtual ~RecordSink() = default;

  /// \param rdata wire form with whole names. All parameters are borrowed for the call only.
  virtual void add(Section section, NameView owner, RrType type, Ttl ttl, base::Bytes rdata) = 0;
};

/// What the header and the OPT record of a reply say apart from its records.
struct ResponseHead {
  Rcode rcode = Rcode::noerror;
  bool authoritative = false;  ///< AA
  bool glue_required = false;  ///< a referral: without its glue it is truncated (RFC 9471 §3.1)
  bool withhold = false;  ///< leave all records out: TC, or BADCOOKIE without TC (RFC 7873 §5.2.3)
  // Sent if the request had EDNS; the last three only if it asked for them.
  std::optional<ExtendedError> extended_error;
  base::Bytes server_cookie;                   ///< at most 32 octets, follows the client's
  std::string_view nsid;                       ///< at most max_nsid_octets
  std::optional<std::uint16_t> tcp_keepalive;  ///< idle time-out in units of 100 ms (RFC 7828 §3.1)
};

/// Writes one reply. The room for OPT is set aside first; what does not fit makes an empty
/// truncated reply (header, question, OPT), except whole RRsets of the additional section, which
/// are left out (RFC 2181 §9). Owner names, and names in the data of RFC 1035's types, are
/// compressed against the question and against SRV targets already written. SRV targets themselves
/// never are (RFC 2782). NOTAUTH to a signed request carries its TSIG record with the error BADKEY
/// (RFC 8945 §5.3.2). Nothing is allocated.
class ResponseWriter final : public RecordSink {
 public:
  /// \param request, out outlive the writer. \param limit octets that the asker takes, at most
  /// out.size().
  ResponseWriter(const Request& request, std::size_t limit, base::MutableBytes out);

  void add(Section section, NameView owner, RrType type, Ttl ttl, base::Bytes rdata) override;

  /// Writes OPT, TSIG and header. Call once, last. \return octets of the reply.
  [[nodiscard]] std::size_t finish(const ResponseHead& head);

 private:
  /// The RRset of the additional section that is being written: it stays or goes as a whole.
  struct AdditionalRrset {
    std::array<std::uint8_t, max_name_octets> owner;
    std::size_t owner_octets = 0;
    RrType type{};
    std::size_t start = 0;    // where its first record begins
    std::uint16_t count = 0;  // of its records so far
    bool dropped = false;
  };

  void write_name(NameView name);
  [[nodiscard]] bool is_question(NameView name) const;
  void write_rdata(RrType type, base::Bytes rdata);
  void write_opt(const ResponseHead& head);
  [[nodiscard]] bool write_tsig();
  void begin_additional_record(NameView owner, RrType type);
  void drop_additional_rrset();

  const Request& request_;
  base::ByteWriter out_;
  std::size_t budget_;                     // octets before OPT
  std::size_t body_start_;                 // behind the question
  std::array<std::uint16_t, 3> counts_{};  // by section
  bool truncated_ = false;                 // a record of answer or authority did not fit
  bool additional_incomplete_ = false;
  AdditionalRrset rrset_;

  // SRV targets in the reply, whole names that a later owner may point to.
  struct Target {
    std::uint16_t offset;
    std::uint16_t octets;
  };
  std::array<Target, 4> targets_;
  std::size_t target_count_ = 0;
};

}  // namespace dns
