// WireGuard's text protocol: a table of the keys that `UapiReader` understands, with the function
// that reads each value, and the writers of `set=1` requests. Pure, on the caller's thread. Sockets
// are in uapi_socket.cpp; the binary protocol of the kernel is in netlink_codec.cpp.

#include "wg/uapi.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

namespace wg {
namespace {

/// The last second that 64 bits of nanoseconds since 1970 can hold with any fraction: in 2262.
constexpr std::int64_t max_seconds = 9'223'372'035;

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Unlike base::Endpoint::parse it accepts what a device may show although it cannot be published:
/// port 0, and a zone index (`[fe80::1%eth0]:51820`), which is dropped.
std::optional<base::Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) {
    host = host.substr(1, host.size() - 2);
    host = host.substr(0, host.find('%'));
  }
  const auto address = base::IpAddress::parse(host);
  if (!address || !port || is_bracketed == address->is_ipv4()) return std::nullopt;
  return base::Endpoint{address->unmapped(), base::Port{*port}};
}

/// 64 hex digits into octets that the caller wipes; base::parse_hex would leave copies.
bool parse_secret(std::string_view hex, base::MutableBytes octets) {
  if (hex.size() != octets.size() * 2) return false;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const char* digits = hex.data() + 2 * i;
    const auto [end, ec] = std::from_chars(digits, digits + 2, octets[i], 16);
    if (ec != std::errc() || end != digits + 2) return false;
  }
  return true;
}

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

/// \return nullopt: all zero, which is how a device without a private key may show it.
std::optional<PublicKey> derive_public_key(base::Bytes private_key) {
  if (std::all_of(private_key.begin(), private_key.end(), [](auto octet) { return octet == 0; }))
    return std::nullopt;
  const std::unique_ptr<EVP_PKEY, FreeKey> key(EVP_PKEY_new_raw_private_key(
      EVP_PKEY_X25519, nullptr, private_key.data(), private_key.size()));
  base::Octets32 public_key{};
  std::size_t size = public_key.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), public_key.data(), &size) != 1)
    return std::nullopt;
  return PublicKey(public_key);
}

}  // namespace

struct UapiReader::Key {
  std::string_view name;
  bool is_of_peer;
  bool (UapiReader::*read)(std::string_view value);  // false: the value is wrong
};

/// Every other key is skipped: preshared_key, and what a newer device may add.
const UapiReader::Key* UapiReader::find_key(std::string_view name) {
  static constexpr std::array<Key, 13> keys = {{
      {"allowed_ip", true, &UapiReader::read_allowed_ip},
      {"public_key", false, &UapiReader::read_public_key},
      {"endpoint", true, &UapiReader::read_endpoint},
      {"last_handshake_time_sec", true, &UapiReader::read_handshake_seconds},
      {"last_handshake_time_nsec", true, &UapiReader::read_handshake_nanoseconds},
      {"tx_bytes", true, &UapiReader::read_tx_bytes},
      {"rx_bytes", true, &UapiReader::read_rx_bytes},
      {"persistent_keepalive_interval", true, &UapiReader::read_keepalive},
      {"private_key", false, &UapiReader::read_private_key},
      {"own_public_key", false, &UapiReader::read_own_public_key},
      {"listen_port", false, &UapiReader::read_listen_port},
      {"fwmark", false, &UapiReader::read_fwmark},
      {"errno", false, &UapiReader::read_errno},
  }};
  const auto* const key = std::find_if(
      keys.begin(), keys.end(), [&](const Key& candidate) { return candidate.name == name; });
  return key == keys.end() ? nullptr : &*key;
}

bool UapiReader::feed(std::string_view piece) {
  if (piece.size() > room_) fail("the reply does not end");
  room_ -= std::min(piece.size(), room_);
  while (!piece.empty() && !is_complete_ && !error_) {
    const std::size_t end = piece.find('\n');
    const bool has_end = end != std::string_view::npos;
    const std::string_view part = piece.substr(0, end);
    if (pending_size_ + part.size() > max_line) {
      ++line_;
      fail(fmt::format("longer than {} characters", max_line));
    } else if (has_end && pending_size_ == 0) {
      read_line(part);
    } else {
      const auto place = pending_.span().subspan(pending_size_);
      std::copy(part.begin(), part.end(), place.begin());
      pending_size_ += part.size();
      if (has_end) {
        read_line({pending_.span().data(), pending_size_});
        pending_.wipe();
        pending_size_ = 0;
      }
    }
    piece.remove_prefix(has_end ? end + 1 : piece.size());
  }
  return !is_complete_ && !error_;
}

base::Expected<UapiReply, UapiError> UapiReader::finish() && {
  if (error_) return base::Unexpected(std::move(*error_));
  if (!has_verdict_) return base::Unexpected(UapiError{0, "it ended without errno="});
  finish_peer();
  reply_.device.peers = std::move(peers_).take();
  return std::move(reply_);
}

void UapiReader::read_line(std::string_view line) {
  ++line_;
  if (line.empty()) {
    is_complete_ = true;
    return;
  }
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return fail("not key=value");
  if (has_verdict_) return fail("something follows errno=");
  const Key* key = find_key(line.substr(0, equals));
  if (key == nullptr) return;
  if (key->is_of_peer && peer_ == nullptr)
    return fail(fmt::format("{}= before the first public_key=", key->name));
  if (!(this->*key->read)(line.substr(equals + 1)))
    fail(fmt::format("the value of {}= is not valid", key->name));
}

bool UapiReader::read_errno(std::string_view value) {
  const auto number = parse_number<std::int16_t>(value);
  if (!number) return false;
  reply_.error = std::abs(int{*number});  // wireguard-go answers -22, boringtun 22
  has_verdict_ = true;
  return true;
}

bool UapiReader::read_private_key(std::string_view value) {
  base::WipedBuffer<std::uint8_t> octets(32);
  if (!parse_secret(value, octets.span())) return false;
  reply_.device.public_key = derive_public_key(octets.span());
  return true;
}

bool UapiReader::read_own_public_key(std::string_view value) {
  reply_.is_boringtun = true;
  reply_.device.public_key = PublicKey::parse_hex(value);
  return reply_.device.public_key.has_value();
}

bool UapiReader::read_listen_port(std::string_view value) {
  const auto number = parse_number<std::uint16_t>(value);
  if (number) reply_.device.listen_port = base::Port{*number};
  return number.has_value();
}

bool UapiReader::read_fwmark(std::string_view value) {
  const auto number = parse_number<std::uint32_t>(value);
  if (number) reply_.device.firewall_mark = *number;
  return number.has_value();
}

bool UapiReader::read_public_key(std::string_view value) {
  finish_peer();
  const auto key = PublicKey::parse_hex(value);
  if (key) peer_ = &peers_.get(*key);
  return key.has_value();
}

bool UapiReader::read_endpoint(std::string_view value) {
  peer_->endpoint = parse_endpoint(value);
  return peer_->endpoint.has_value();
}

bool UapiReader::read_handshake_seconds(std::string_view value) {
  const auto number = parse_number<std::int64_t>(value);
  if (!number || *number < 0 || *number > max_seconds) return false;
  handshake_seconds_ = std::chrono::seconds(*number);
  return true;
}

bool UapiReader::read_handshake_nanoseconds(std::string_view value) {
  const auto number = parse_number<std::uint32_t>(value);
  if (!number || *number >= 1'000'000'000) return false;
  handshake_nanoseconds_ = std::chrono::nanoseconds(*number);
  return true;
}

bool UapiReader::read_tx_bytes(std::string_view value) {
  const auto number = parse_number<std::uint64_t>(value);
  if (number) peer_->tx_bytes = *number;
  return number.has_value();
}

bool UapiReader::read_rx_bytes(std::string_view value) {
  const auto number = parse_number<std::uint64_t>(value);
  if (number) peer_->rx_bytes = *number;
  return number.has_value();
}

bool UapiReader::read_keepalive(std::string_view value) {
  const auto number = parse_number<std::uint16_t>(value);
  if (number) peer_->persistent_keepalive = std::chrono::seconds(*number);
  return number.has_value();
}

bool UapiReader::read_allowed_ip(std::string_view value) {
  const auto prefix = base::Prefix::parse(value);
  if (prefix) peer_->allowed_ips.push_back(*prefix);
  return prefix.has_value();
}

void UapiReader::finish_peer() {
  if (peer_ != nullptr && handshake_seconds_) {
    const std::chrono::nanoseconds told = *handshake_seconds_ + handshake_nanoseconds_;
    if (reply_.is_boringtun) {
      // Whole seconds: otherwise the time it takes to ask would look like a new handshake each
      // time.
      peer_->latest_handshake = std::chrono::floor<std::chrono::seconds>(now_ - told);
    } else if (told != std::chrono::nanoseconds::zero()) {
      peer_->latest_handshake = std::chrono::sys_time<std::chrono::nanoseconds>(told);
    }
  }
  peer_ = nullptr;
  handshake_seconds_.reset();
  handshake_nanoseconds_ = {};
}

namespace {

std::string write_allowed_ips(const std::vector<base::Prefix>& prefixes) {
  std::string text;
  for (const base::Prefix& prefix : prefixes)
    text += fmt::format("allowed_ip={}\n", prefix.to_string());
  return text;
}

std::string write_updates(std::span<const PeerUpdate> updates) {
  std::string text;
  for (const PeerUpdate& update : updates) {
    // update_only comes first: boringtun rejects it, and does so before anything is changed.
    text += fmt::format("public_key={}\nupdate_only=true\n", update.public_key.to_hex());
    if (update.endpoint) text += fmt::format("endpoint={}\n", update.endpoint->to_string());
    if (update.persistent_keepalive)
      text +=
          fmt::format("persistent_keepalive_interval={}\n", update.persistent_keepalive->count());
    if (update.allowed_ips)
      text += "replace_allowed_ips=true\n" + write_allowed_ips(*update.allowed_ips);
    text += write_allowed_ips(update.more_allowed_ips);
  }
  return text;
}

}  // namespace

std::string write_uapi_set(std::span<const PeerUpdate> updates) {
  return "set=1\n" + write_updates(updates) + "\n";
}

std::string write_uapi_membership(const Membership& change) {
  std::string text = "set=1\n" + write_updates(change.before);
  for (const PublicKey& key : change.removed)
    text += fmt::format("public_key={}\nupdate_only=true\nremove=true\n", key.to_hex());
  for (const NewPeer& peer : change.added) {
    text += fmt::format("public_key={}\nreplace_allowed_ips=true\n", peer.public_key.to_hex()) +
            write_allowed_ips(peer.allowed_ips);
  }
  return text + "\n";
}

}  // namespace wg
