// A relay, five keys, six places, and what the input makes of them: places that change, datagrams
// in right form with few different indices, runs and raw ones, adoption, pauses, time and restarts.
// What
// must hold for each verdict is written here a second time, from the sender's and the recipient's
// places alone.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "dnsd/point/relay/relay.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "noise/mac_checker.hpp"
#include "tests/fuzz/wg_fixture.hpp"

namespace {

using wg_fuzz::expect;
using wg_fuzz::Octets;
using Kind = dnsd::Relay::Verdict::Kind;
namespace rules = dnsd::relay_rules;

constexpr std::size_t peer_count = 4;

class OwnIndices : public dnsd::Relay::Sessions {
 public:
  [[nodiscard]] bool owns_index(noise::SessionIndex index) const override {
    return indices.contains(index);
  }
  std::set<noise::SessionIndex> indices;
};

/// Keys of peers, then the point's own, and one of nobody.
const std::array<wg::PublicKey, peer_count + 2>& keys() {
  static const auto made = [] {
    std::array<wg::PublicKey, peer_count + 2> result;
    std::uint8_t octet = 1;
    for (wg::PublicKey& key : result) key = wg_fuzz::Pair::fixed_key(octet++).public_key();
    return result;
  }();
  return made;
}

const std::array<noise::Path, 6>& places() {
  static const auto made = [] {
    std::array<noise::Path, 6> result;
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i] = {*base::Endpoint::parse((i % 2 == 0 ? "203.0.113.10:" : "[2001:db8::1]:") +
                                          std::to_string(100 + i)),
                   {}};
    return result;
  }();
  return made;
}

class Scene {
 public:
  explicit Scene(base::Bytes input) : input_(input) {
    restart();
    for (std::size_t i = 0; i < peer_count; ++i) place(i, i);
  }

  void run() {
    while (input_.remaining() > 0) step();
    check_tables();
  }

 private:
  struct Known {
    bool is_peer = false;
    std::optional<std::size_t> place;
    base::SteadyTime seen;
  };
  struct Pause {
    base::SteadyTime ends;
    base::SteadyTime next;
    std::size_t asker = 0;
  };

  void restart() {
    relay_ = std::make_unique<dnsd::Relay>(keys()[peer_count], rates_, own_);
    for (std::size_t i = 0; i < peer_count; ++i) {
      known_[i] = {.is_peer = true, .place = {}, .seen = {}};
      relay_->add_peer(keys()[i]);
    }
    passed_ = 0;
    pauses_.clear();
  }
  void place(std::size_t peer, std::size_t where) {
    relay_->set_place(keys()[peer], places()[where], now_);
    if (!known_[peer].is_peer) return;
    for (Known& other : known_) {
      if (other.place == where) other.place.reset();
    }
    known_[peer].place = where;
    known_[peer].seen = now_;
  }

  void step() {
    const unsigned what = input_.u8() % 16;
    switch (what) {
      case 0:
        return place(input_.u8() % peer_count, input_.u8() % places().size());
      case 1:
        return clear(input_.u8() % peer_count);
      case 2:
        now_ += std::chrono::milliseconds(input_.u8());
        return;
      case 3:
        now_ += std::chrono::milliseconds(100) * input_.u8();
        return relay_->tick(now_);
      case 4:
        now_ += std::chrono::seconds(input_.u8());
        return;
      case 5: {
        const unsigned a = input_.u8();
        const unsigned b = input_.u8();
        if (a < 0x80) return adopt(a % keys().size(), b % keys().size());
        return pause(a % keys().size(), b % keys().size());
      }
      case 6:
        return change_peer(input_.u8() % peer_count);
      case 7:
        return reload();
      case 8:
        own_.indices = {input_.u8() % 16U};
        return;
      case 9: {
        const unsigned rate = input_.u8();
        rates_ = {.sender = rate * 1'000, .total = rate * 1'500};
        return relay_->set_rates(rates_);
      }
      default:
        return send(what, input_.u8() % places().size());
    }
  }

  void clear(std::size_t peer) {
    relay_->clear_place(keys()[peer]);
    known_[peer].place.reset();
  }
  void adopt(std::size_t a, std::size_t b) {
    const bool done = relay_->adopt(keys()[a], keys()[b], now_);
    if (!done) return;
    expect(a != b && a < peer_count && b < peer_count && known_[a].is_peer && known_[b].is_peer);
    allow(a, b);
  }
  void pause(std::size_t a, std::size_t b) {
    const std::chrono::milliseconds asked(input_.u8() * 10);
    const auto before = relay_->counters().pauses;
    const bool is_on = relay_->pause(keys()[a], keys()[b], asked, now_);
    const bool has_begun = relay_->counters().pauses > before;
    const auto last = pauses_.find(std::minmax(a, b));
    if (last != pauses_.end()) {
      const bool is_same = now_ < last->second.ends && last->second.asker == a;
      expect(has_begun ? now_ >= last->second.next : is_on == is_same);
    }
    if (!has_begun) return expect(!is_on || last != pauses_.end());
    expect(is_on && may_pass_.contains({a, b}));
    pauses_[std::minmax(a, b)] = {
        .ends = now_ + std::clamp<std::chrono::milliseconds>(asked, rules::shortest_pause,
                                                             rules::longest_pause),
        .next = now_ + rules::pause_interval,
        .asker = a};
  }
  [[nodiscard]] bool is_paused(std::size_t a, std::size_t b) const {
    const auto last = pauses_.find(std::minmax(a, b));
    return last != pauses_.end() && now_ < last->second.ends;
  }
  void change_peer(std::size_t peer) {
    if (known_[peer].is_peer) {
      relay_->remove_peer(keys()[peer]);
      std::erase_if(pauses_, [&](const auto& one) {
        return one.first.first == peer || one.first.second == peer;
      });
      std::erase_if(may_pass_,
                    [&](const auto& pair) { return pair.first == peer || pair.second == peer; });
      known_[peer].is_peer = false;
      known_[peer].place.reset();
    } else {
      relay_->add_peer(keys()[peer]);
      known_[peer].is_peer = true;
    }
  }
  /// Another run with what this one would have saved.
  void reload() {
    check_tables();
    const auto before = known_;
    restart();
    for (const auto& change : saved_) {
      for (const auto& route : change.routes) relay_->restore(route, now_);
    }
    for (std::size_t i = 0; i < peer_count; ++i) {
      if (!before[i].is_peer) change_peer(i);
      if (before[i].place) {
        place(i, *before[i].place);
        relay_->set_place(keys()[i], places()[*before[i].place], before[i].seen);
        known_[i].seen = before[i].seen;
      }
    }
  }

  void send(unsigned what, std::size_t from) {
    Octets datagram;
    std::size_t datagrams = 1;
    const auto index = [&] { return noise::SessionIndex{input_.u8()} % 16; };
    switch (what) {
      case 10:
      case 11: {
        datagram.resize(noise::initiation_octets);
        const auto receiver = keys()[input_.u8() % keys().size()];
        noise::write_initiation(index(), receiver, Octets(48, 1), Octets(28, 2), datagram);
        writer_.write(receiver, now_, datagram);
        if (what == 11) datagram.back() ^= 1U;
        asked_for_ = receiver;
        break;
      }
      case 12: {
        datagram.resize(noise::response_octets);
        const auto receiver = keys()[input_.u8() % keys().size()];
        const auto sender = index();
        noise::write_response(sender, index(), receiver, Octets(16, 3), datagram);
        noise::MacWriter().write(receiver, now_, datagram);
        break;
      }
      case 13:
        datagram.resize(noise::cookie_reply_octets);
        noise::write_cookie_reply(index(), {}, Octets(32, 4), datagram);
        break;
      case 14: {
        const auto receiver = index();
        datagrams = 1 + input_.u8() % 3U;
        datagram.resize(datagrams * (32 + input_.u8()));
        noise::write_data_header(receiver, 1, base::MutableBytes(datagram).first(16));
        break;
      }
      default: {
        const base::Bytes raw =
            input_.bytes(std::min<std::size_t>(input_.u8(), input_.remaining()));
        datagram.assign(raw.begin(), raw.end());
      }
    }
    const Octets original = datagram;
    const noise::Path path = places()[from];
    dnsd::Relay::Arrival arrival{.datagram = datagram, .path = &path};
    relay_->look_ahead(std::span(&arrival, 1));
    check(relay_->receive(arrival, now_, datagrams), original, datagram, from, datagrams);
  }

  [[nodiscard]] std::optional<std::size_t> who_is_at(std::size_t where) const {
    for (std::size_t i = 0; i < peer_count; ++i) {
      if (known_[i].place == where && now_ - known_[i].seen < rules::place_life) return i;
    }
    return std::nullopt;
  }

  void check(const dnsd::Relay::Verdict& verdict, const Octets& original, const Octets& now,
             std::size_t from, std::size_t datagrams) {
    const auto sender = who_is_at(from);
    expect(original.size() == now.size());
    if (verdict.kind != Kind::forward) expect(original == now);
    if (verdict.kind == Kind::reply) {
      // In the place of an initiation, from a peer, and shorter.
      expect(sender && original.size() == noise::initiation_octets && original[0] == 1);
      expect(relay_->reply().size() == noise::cookie_reply_octets &&
             *verdict.path == places()[from]);
      const auto reply = noise::parse_message(relay_->reply());
      (void)writer_.take(asked_for_, std::get<noise::CookieReply>(*reply), now_);
    } else if (verdict.kind == Kind::ask_back) {
      expect(!sender && *verdict.path == places()[from]);
      const auto asked = std::find(keys().begin(), keys().end(), *verdict.peer);
      expect(asked < keys().begin() + peer_count);
    } else if (verdict.kind == Kind::forward) {
      expect(sender.has_value());
      const auto where = std::find(places().begin(), places().end(), *verdict.path);
      const auto recipient = who_is_at(static_cast<std::size_t>(where - places().begin()));
      expect(recipient && *recipient != *sender);
      check_forwarded(original, now, *sender, *recipient);
      passed_ += datagrams;
      expect(relay_->counters().packets == passed_);
    }
  }

  void check_forwarded(const Octets& original, const Octets& now, std::size_t sender,
                       std::size_t recipient) {
    const auto message = noise::parse_message(original);
    expect(message.has_value());
    if (const auto* const initiation = std::get_if<noise::Initiation>(&*message)) {
      expect(std::equal(original.begin(), original.end() - 16, now.begin()));
      expect(original == now ||
             std::all_of(now.end() - 16, now.end(), [](auto octet) { return octet == 0; }));
      expect(noise::mac1_of(keys()[recipient])(initiation->macs.before_mac1) ==
             last_mac1(original));
      begun_.emplace(sender, recipient);
      expect(!own_.indices.contains(initiation->sender));
      return;
    }
    expect(original == now);
    if (const auto* const response = std::get_if<noise::Response>(&*message)) {
      expect(noise::mac1_of(keys()[recipient])(response->macs.before_mac1) == last_mac1(original));
      expect(begun_.contains({recipient, sender}) && !own_.indices.contains(response->sender));
      expect(relay_->uses_index(keys()[sender], response->receiver));
      expect(relay_->uses_index(keys()[recipient], response->sender));
      allow(sender, recipient);
    } else if (std::get_if<noise::CookieReply>(&*message) != nullptr) {
      expect(begun_.contains({recipient, sender}) || may_pass_.contains({sender, recipient}));
    } else {
      expect(may_pass_.contains({sender, recipient}) && !is_paused(sender, recipient));
    }
  }
  static noise::Mac last_mac1(const Octets& message) {
    noise::Mac result{};
    std::copy_n(message.end() - 32, result.size(), result.begin());
    return result;
  }
  void allow(std::size_t a, std::size_t b) {
    may_pass_.emplace(a, b);
    may_pass_.emplace(b, a);
  }

  void check_tables() {
    for (dnsd::Relay::Change& change : relay_->take_changes()) {
      expect(change.routes.size() <= rules::sessions_per_pair);
      expect(change.from != change.to);
      std::erase_if(
          saved_, [&](const auto& old) { return old.from == change.from && old.to == change.to; });
      if (!change.routes.empty()) saved_.push_back(std::move(change));
    }
    const auto pairs = relay_->pairs();
    expect(pairs.size() <= peer_count * (peer_count - 1));
    std::uint64_t packets = 0;
    for (const auto& pair : pairs) packets += pair.packets;
    expect(packets <= relay_->counters().packets);
  }

  base::ByteReader input_;
  OwnIndices own_;
  dnsd::RelayRates rates_;
  std::unique_ptr<dnsd::Relay> relay_;
  std::array<Known, peer_count> known_;
  base::SteadyTime now_ = base::SteadyTime{} + std::chrono::hours(24);
  noise::MacWriter writer_;
  wg::PublicKey asked_for_;
  std::set<std::pair<std::size_t, std::size_t>> begun_;
  std::set<std::pair<std::size_t, std::size_t>> may_pass_;
  std::vector<dnsd::Relay::Change> saved_;
  std::map<std::pair<std::size_t, std::size_t>, Pause> pauses_;  // the smaller number first
  std::uint64_t passed_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Scene({data, size}).run();
  return 0;
}
