#include "dnsd/host/port_holder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <filesystem>
#include <sstream>

#include "base/read_file.hpp"

namespace dnsd {
namespace {

namespace fs = std::filesystem;

template <typename T>
std::optional<T> parse_number(std::string_view text, int base) {
  T value{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The kernel prints addresses as 32-bit words in the order of the machine.
std::optional<base::IpAddress> parse_address(std::string_view digits) {
  constexpr std::size_t word_digits = 8;
  if (digits.size() != word_digits && digits.size() != 4 * word_digits) return std::nullopt;
  std::vector<std::uint8_t> octets;
  for (; !digits.empty(); digits.remove_prefix(word_digits)) {
    const auto word = parse_number<std::uint32_t>(digits.substr(0, word_digits), 16);
    if (!word) return std::nullopt;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned shift = std::endian::native == std::endian::little ? 8 * i : 24 - 8 * i;
      octets.push_back(static_cast<std::uint8_t>(*word >> shift));
    }
  }
  return base::IpAddress::from_bytes(octets);
}

std::optional<OpenSocket> parse_line(const std::string& line) {
  // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
  std::istringstream words(line);
  std::array<std::string, 10> word;
  for (auto& one : word) {
    if (!(words >> one)) return std::nullopt;
  }
  const std::string_view local = word[1];
  const std::size_t colon = local.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto address = parse_address(local.substr(0, colon));
  const auto port = parse_number<std::uint16_t>(local.substr(colon + 1), 16);
  const auto inode = parse_number<std::uint64_t>(word[9], 10);
  if (!address || !port || !inode) return std::nullopt;
  return OpenSocket{.local = {address->unmapped(), base::Port{*port}},
                    .inode = *inode,
                    .is_listening = word[3] == "0A"};
}

/// The file's text. Empty if it cannot be read: the process has ended, or this kernel lacks the
/// protocol.
std::string text_of(const fs::path& path) {
  auto text = base::read_file(path);
  return text ? *std::move(text) : std::string();
}

/// Fills in program and process.
void find_process(std::uint64_t inode, PortHolder& holder) {
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  std::error_code ec;
  for (const auto& process : fs::directory_iterator("/proc", ec)) {
    const std::string number = process.path().filename();
    if (!parse_number<unsigned>(number, 10)) continue;
    // Processes of other users are not readable, and any process may end while we look.
    for (auto file = fs::directory_iterator(process.path() / "fd", ec);
         !ec && file != fs::directory_iterator(); file.increment(ec)) {
      std::error_code unreadable;
      if (fs::read_symlink(file->path(), unreadable) != wanted) continue;
      holder.process = number;
      holder.program = text_of(process.path() / "comm");
      if (!holder.program.empty() && holder.program.back() == '\n') holder.program.pop_back();
      return;
    }
  }
}

}  // namespace

std::string describe(const PortHolder& holder) {
  if (holder.program.empty())
    return "another program (root can see which), or a WireGuard interface (see `wg show`)";
  return fmt::format("{} (process {})", holder.program, holder.process);
}

std::vector<OpenSocket> parse_open_sockets(std::string_view text) {
  std::vector<OpenSocket> result;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (const auto socket = parse_line(line)) result.push_back(*socket);
  }
  return result;
}

bool overlap(const base::Endpoint& a, const base::Endpoint& b) {
  if (a.port != b.port) return false;
  if (a.address == b.address) return true;
  const bool same_family = a.address.family() == b.address.family();
  return same_family && (a.address.is_unspecified() || b.address.is_unspecified());
}

std::optional<PortHolder> find_port_holder(dns::Transport transport,
                                           const base::Endpoint& endpoint) {
  // Not /proc/net, which is a link to the same, and is hidden from the unit (ProcSubset=pid).
  const std::string name =
      transport == dns::Transport::udp ? "/proc/self/net/udp" : "/proc/self/net/tcp";
  const bool is_ipv4 = endpoint.address.is_ipv4();
  for (const auto& path : is_ipv4 ? std::vector{name, name + "6"} : std::vector{name + "6"}) {
    for (const OpenSocket& socket : parse_open_sockets(text_of(path))) {
      // A socket on [::] may hold IPv4 as well; the kernel does not show whether it does.
      const bool holds_both = is_ipv4 && !socket.local.address.is_ipv4() &&
                              socket.local.address.is_unspecified() &&
                              socket.local.port == endpoint.port;
      if (!holds_both && !overlap(socket.local, endpoint)) continue;
      if (transport == dns::Transport::tcp && !socket.is_listening) continue;
      PortHolder holder{.program = {}, .process = {}, .local = socket.local};
      find_process(socket.inode, holder);
      return holder;
    }
  }
  return std::nullopt;
}

}  // namespace dnsd
