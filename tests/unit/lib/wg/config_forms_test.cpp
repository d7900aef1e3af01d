#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wg/config_file.hpp"

// Reads tests/forms/wireguard_files.txt, whose head says what its lines mean.
namespace {

struct Form {
  std::string title;
  std::string text;
  bool is_refused = false;
  bool is_refused_by_wg_alone = false;
  std::multiset<std::string> read;  // what the file sets, one line each
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char kind = text.at(++i);
    if (kind == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      constexpr std::string_view kinds = "trvf0\\";
      out += std::string_view("\t\r\v\f\0\\", 6).at(kinds.find(kind));
    }
  }
  return out;
}

/// The words of a line in one order, and blocks in one order.
std::string in_order(const std::string& line) {
  std::vector<std::string> words = split(line, ' ');
  for (std::string& word : words) {
    constexpr std::string_view blocks = "allowed-ips=";
    if (!word.starts_with(blocks)) continue;
    std::vector<std::string> items = split(word.substr(blocks.size()), ',');
    std::sort(items.begin(), items.end());
    word = fmt::format("{}{}", blocks, fmt::join(items, ","));
  }
  std::sort(words.begin() + 1, words.end());
  return fmt::format("{}", fmt::join(words, " "));
}

class Table {
 public:
  Table() {
    std::ifstream file(SOURCE_DIR "/tests/forms/wireguard_files.txt");
    REQUIRE(file);
    for (std::string line; std::getline(file, line);) take(line);
  }

  std::vector<Form> forms;
  std::map<std::string, std::string> keys;   // text → name
  std::map<std::string, std::string> hosts;  // name → address

 private:
  void take(const std::string& line) {
    if (line.starts_with("=== ")) {
      forms.push_back({line.substr(4), {}, false, false, {}});
      in_text_ = true;
    } else if (line.starts_with("--- ")) {
      in_text_ = false;
      const std::string outcome = line.substr(4);
      forms.back().is_refused |= outcome == "refused";
      forms.back().is_refused_by_wg_alone |= outcome == "refused by wg";
      if (!outcome.starts_with("refused")) forms.back().read.insert(in_order(outcome));
    } else if (in_text_) {
      take_text(line == "@peer" ? "[Peer]\nPublicKey = {alice}" : line);
    } else if (line.starts_with('$')) {
      keys[line.substr(line.find("= ") + 2)] = line.substr(1, line.find(" =") - 1);
    } else if (line.starts_with("host ")) {
      const auto words = split(unescape(line), ' ');
      for (std::size_t i = 2; i < words.size(); ++i) hosts[words[i]] = words[1];
    }
  }

  void take_text(std::string line) {
    for (const auto& [key, name] : keys) {
      const std::string place = "{" + name + "}";
      if (const auto at = line.find(place); at != std::string::npos)
        line.replace(at, place.size(), key);
    }
    const bool has_end = !line.ends_with("\\c");
    if (!has_end) line.resize(line.size() - 2);
    forms.back().text += unescape(line) + (has_end ? "\n" : "");
  }

  bool in_text_ = false;
};

std::string name_of(const Table& table, base::Bytes key) {
  base::Octets32 octets{};
  std::copy(key.begin(), key.end(), octets.begin());
  return table.keys.at(base::to_base64(octets));
}

/// As getaddrinfo with the table's hosts: without the zone, which `wg show` does not print.
std::string resolve(const Table& table, const wg::ConfigEndpoint& endpoint) {
  if (const auto* address = std::get_if<base::Endpoint>(&endpoint)) return address->to_string();
  const auto& [host, port] = std::get<wg::HostEndpoint>(endpoint);
  std::string lower = host;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const auto found = table.hosts.find(lower);
  const std::string address = host == "*"                  ? "::1"
                              : found != table.hosts.end() ? found->second
                                                           : host.substr(0, host.find('%'));
  return base::Endpoint{base::IpAddress::parse(address).value(), port}.to_string();
}

std::multiset<std::string> what_is_read(const Table& table, const wg::ConfigFile& file) {
  std::multiset<std::string> lines;
  const auto& [private_key, listen_port, fwmark] = file.interface;
  std::string line = "interface";
  const wg::PrivateKey zero;
  if (private_key && *private_key != zero)
    line += " private-key=" + name_of(table, private_key->bytes());
  if (listen_port.value_or(0) != 0) line += fmt::format(" listen-port={}", *listen_port);
  if (fwmark.value_or(0) != 0) line += fmt::format(" fwmark={:#x}", *fwmark);
  if (line != "interface") lines.insert(in_order(line));
  for (const wg::ConfigPeer& peer : file.peers) {
    line = name_of(table, peer.public_key.octets());
    std::vector<std::string> blocks;
    for (const base::Prefix& prefix : peer.allowed_ips) blocks.push_back(prefix.to_string());
    if (!blocks.empty()) line += fmt::format(" allowed-ips={}", fmt::join(blocks, ","));
    if (peer.endpoint) line += " endpoint=" + resolve(table, *peer.endpoint);
    if (peer.keepalive.value_or(0) != 0) line += fmt::format(" keepalive={}", *peer.keepalive);
    if (peer.preshared_key && *peer.preshared_key != wg::PresharedKey())
      line += " preshared-key=" + name_of(table, peer.preshared_key->bytes());
    lines.insert(in_order(line));
  }
  return lines;
}

TEST_CASE("forms of WireGuard's files are taken, refused and read as the table says") {
  const Table table;
  CHECK(table.forms.size() >= 120);
  for (const Form& form : table.forms) {
    CAPTURE(form.title);
    const wg::ConfigFile file = wg::parse_config_file(form.text);
    std::string said;
    for (const wg::ConfigError& error : file.errors) said += fmt::format("{}\n", error.message);
    CAPTURE(said);
    CHECK(!file.errors.empty() == form.is_refused);
    if (form.is_refused_by_wg_alone) CHECK_FALSE(file.warnings.empty());
    if (!form.is_refused)
      CHECK(fmt::format("{}", fmt::join(what_is_read(table, file), "\n")) ==
            fmt::format("{}", fmt::join(form.read, "\n")));
  }
}

}  // namespace
