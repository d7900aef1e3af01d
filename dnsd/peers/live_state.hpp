#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "dnsd/peers/lan_table.hpp"
#include "dnsd/peers/path_table.hpp"
#include "dnsd/settings/view.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// State that answers read and that changes between reloads: serial, readiness, PTR lists, which
/// points relay, what peers tell of themselves. Written by the control thread, except `lan` and
/// `paths`: the threads that receive updates write them. Any thread reads.
class LiveState {
 public:
  using KeyList = std::vector<wg::PublicKey>;

  /// Serial of the SOA (RFC 1982).
  [[nodiscard]] std::uint32_t serial() const { return serial_.load(std::memory_order_acquire); }
  void set_serial(std::uint32_t serial) { serial_.store(serial, std::memory_order_release); }

  /// Whether every configured source has been read once, or saved state was loaded. Until then an
  /// unknown key is answered SERVFAIL: nobody knows yet that it does not exist.
  [[nodiscard]] bool is_ready() const { return ready_.load(std::memory_order_acquire); }
  void set_ready() { ready_.store(true, std::memory_order_release); }

  /// The peers in the PTR list of a view: those with an endpoint there, the smallest keys first.
  [[nodiscard]] std::shared_ptr<const KeyList> list(View view) const {
    return list_of(view).load(std::memory_order_acquire);
  }
  void set_list(View view, std::shared_ptr<const KeyList> list) {
    list_of(view).store(std::move(list), std::memory_order_release);
  }

  /// The strings `relay=` of each peer that is relayed: the points that pass packets on, by their
  /// own keys. Null: no point does.
  using RelayStrings = std::vector<std::string>;
  [[nodiscard]] std::shared_ptr<const RelayStrings> relays() const {
    return relays_.load(std::memory_order_acquire);
  }
  void set_relays(std::shared_ptr<const RelayStrings> relays) {
    relays_.store(std::move(relays), std::memory_order_release);
  }

  /// The addresses of their own networks that peers announce.
  LanTable lan;
  /// The ways to other peers that peers tell.
  PathTable paths;

 private:
  using AtomicList = std::atomic<std::shared_ptr<const KeyList>>;
  [[nodiscard]] const AtomicList& list_of(View view) const {
    return view == View::public_view ? public_list_ : private_list_;
  }
  [[nodiscard]] AtomicList& list_of(View view) {
    return view == View::public_view ? public_list_ : private_list_;
  }

  std::atomic<std::uint32_t> serial_{1};
  std::atomic<bool> ready_{false};
  AtomicList public_list_{std::make_shared<const KeyList>()};
  AtomicList private_list_{std::make_shared<const KeyList>()};
  std::atomic<std::shared_ptr<const RelayStrings>> relays_;
};

}  // namespace dnsd
