#include "updater/report/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace updater {
namespace {

using namespace std::chrono_literals;
using State = DirectPeer::State;

/// Upper bounds of the buckets, seconds. Longer times count in one more bucket.
constexpr std::array<double, 9> bounds = {0.5, 1, 2, 5, 10, 20, 60, 300, 3600};
/// A tunnel flaps if it is lost sooner than this after it became direct.
constexpr auto flap_time = 60s;

/// These counters are in every file, even at 0, so that a rate can be computed from the first
/// failure on.
constexpr std::array<std::string_view, 3> failure_reasons = {"hopeless", "no_answer", "write"};

constexpr std::array<std::string_view, 7> states = {"direct",  "hub",     "ignored", "punching",
                                                    "relayed", "suspect", "waiting"};
constexpr std::array<std::string_view, 5> paths = {"direct", "hub", "lan", "none", "relay"};

bool is_reached(State state) {
  return state == State::direct || state == State::suspect || state == State::relayed;
}

std::string_view to_label(LookupError error) {
  switch (error) {
    case LookupError::no_such_name:
      return "no_such_name";
    case LookupError::no_endpoint:
      return "no_endpoint";
    case LookupError::server_failure:
      return "server_failure";
    case LookupError::refused:
      return "refused";
    case LookupError::timeout:
      return "timeout";
    case LookupError::unreachable:
      return "unreachable";
    case LookupError::malformed:
      return "malformed";
    case LookupError::foreign:
      return "foreign";
  }
  return "";
}

/// Samples of one interface, one family after the other.
class Writer {
 public:
  explicit Writer(std::string_view interface) {
    for (const char c : interface) {
      if (c == '"' || c == '\\') interface_ += '\\';
      interface_ += c;
    }
  }

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = fmt::format("wg_updater_{}", name);
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name_, help, name_, type);
  }
  template <typename Value>
  void sample(Value value, std::string_view label = {}, std::string_view label_value = {},
              std::string_view suffix = {}) {
    const std::string more = label.empty() ? "" : fmt::format(",{}=\"{}\"", label, label_value);
    text_ += fmt::format("{}{}{{interface=\"{}\"{}}} {}\n", name_, suffix, interface_, more, value);
  }
  void sample(int value, const PeerReport& peer) {
    text_ += fmt::format("{}{{interface=\"{}\",peer=\"{}\",name=\"{}\"}} {}\n", name_, interface_,
                         peer.key.to_base64(), peer.name, value);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string interface_;
  std::string name_;
  std::string text_;
};

}  // namespace

void Metrics::count_step(base::SteadyTime now, const wg::PublicKey& peer, State before,
                         State after) {
  Times& times = peers_[peer];
  if (before == State::direct && after == State::suspect) ++suspicions_;
  if (before == State::suspect && after == State::direct) ++recoveries_after_suspicion_;
  if (before == State::punching && after == State::waiting) ++failures_["no_answer"];
  if (before == State::relayed && after == State::direct) ++moves_from_relay_;
  if (before != State::relayed && is_reached(before) && after == State::relayed) ++moves_to_relay_;
  if (is_reached(before) && !is_reached(after)) {
    ++losses_;
    if (times.reached_since && now - *times.reached_since < flap_time) ++flaps_;
    times.unreached_since = now;
  }
  if (!is_reached(before) && is_reached(after)) {
    // A tunnel that works when the peer appears is not our success.
    if (times.unreached_since && *times.unreached_since != now) {
      const double took = std::chrono::duration<double>(now - *times.unreached_since).count();
      Histogram& histogram = after == State::relayed ? to_relayed_ : to_direct_;
      const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), took) - bounds.begin();
      ++histogram.buckets.at(static_cast<std::size_t>(bucket));
      histogram.seconds += took;
    }
    if (times.reached_since) ++recoveries_after_loss_;
    times.reached_since = now;
    times.unreached_since.reset();
  }
}

void Metrics::count_path(base::SteadyTime now, const wg::PublicKey& peer, std::string_view path) {
  const auto before = std::exchange(peers_[peer].counted, now);
  const auto known = std::find(paths.begin(), paths.end(), path);
  if (before && known != paths.end())
    path_seconds_[*known] += std::chrono::duration<double>(now - *before).count();
}

void Metrics::count_lookup(const LookupResult& result) {
  ++lookups_[result.endpoints ? "ok" : to_label(result.endpoints.error())];
}

std::string Metrics::write(const Report& report) const {
  Writer out(report.interface);
  out.family("peers", "gauge", "Peers by state.");
  for (const std::string_view state : states) {
    out.sample(std::count_if(report.peers.begin(), report.peers.end(),
                             [&](const PeerReport& peer) { return peer.state == state; }),
               "state", state);
  }
  out.family("hopeless_peers", "gauge", "Peers that the NATs on both sides keep apart.");
  out.sample(std::count_if(report.peers.begin(), report.peers.end(),
                           [](const PeerReport& peer) { return !peer.hopeless.empty(); }));
  out.family("peer_reached", "gauge", "Whether packets reach the peer, a hub's help included.");
  for (const PeerReport& peer : report.peers) {
    if (peer.state != "ignored") out.sample(peer.path() != "none" ? 1 : 0, peer);
  }
  out.family("path_peers", "gauge", "Peers by the way that their packets take.");
  for (const std::string_view path : paths) {
    out.sample(std::count_if(report.peers.begin(), report.peers.end(),
                             [&](const PeerReport& peer) {
                               return !peer.is_hub && peer.state != "ignored" &&
                                      peer.path() == path;
                             }),
               "path", path);
  }
  out.family("path_seconds_total", "counter", "Time of all peers by the way of their packets.");
  for (const std::string_view path : paths) {
    const auto found = path_seconds_.find(path);
    out.sample(found == path_seconds_.end() ? 0 : found->second, "path", path);
  }
  const auto write_histogram = [&](std::string_view name, const Histogram& histogram,
                                   std::string_view help) {
    out.family(name, "histogram", help);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      count += histogram.buckets.at(i);
      out.sample(count, "le", fmt::format("{}", bounds.at(i)), "_bucket");
    }
    count += histogram.buckets.back();
    out.sample(count, "le", "+Inf", "_bucket");
    out.sample(histogram.seconds, {}, {}, "_sum");
    out.sample(count, {}, {}, "_count");
  };
  write_histogram("time_to_direct_seconds", to_direct_,
                  "From the appearance or loss of a peer until it is direct.");
  write_histogram("time_to_relayed_seconds", to_relayed_,
                  "From the appearance or loss of a peer until a hub passes its packets on.");
  out.family("moves_total", "counter", "Live sessions that changed between direct and relayed.");
  out.sample(moves_from_relay_, "to", "direct");
  out.sample(moves_to_relay_, "to", "relay");
  out.family("suspicions_total", "counter", "Direct peers that became suspect.");
  out.sample(suspicions_);
  out.family("losses_total", "counter", "Peers that were lost.");
  out.sample(losses_);
  out.family("flaps_total", "counter", "Peers that were lost within 60 s.");
  out.sample(flaps_);
  out.family("recoveries_total", "counter", "Peers that are reached again.");
  out.sample(recoveries_after_suspicion_, "after", "suspicion");
  out.sample(recoveries_after_loss_, "after", "loss");
  out.family("lookups_total", "counter", "Look-ups of a peer, by what they brought.");
  for (const auto& [result, number] : lookups_) out.sample(number, "result", result);
  if (lookups_.empty()) out.sample(0, "result", "ok");
  out.family("failures_total", "counter", "What went wrong with peers and the device.");
  for (const std::string_view reason : failure_reasons) {
    const auto found = failures_.find(reason);
    out.sample(found == failures_.end() ? 0 : found->second, "reason", reason);
  }
  return out.take();
}

}  // namespace updater
