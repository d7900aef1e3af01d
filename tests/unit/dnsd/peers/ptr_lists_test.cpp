#include "dnsd/peers/ptr_lists.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

wg::PublicKey key_of(int number) {
  base::Octets32 octets{};
  octets[0] = static_cast<std::uint8_t>(number >> 8);
  octets[1] = static_cast<std::uint8_t>(number);
  return wg::PublicKey(octets);
}

std::string shown(const dnsd::PtrList& list) {
  std::string text;
  for (const wg::PublicKey& key : list.keys())
    text += std::to_string(key.octets()[0] * 256 + key.octets()[1]) + ' ';
  return text;
}

}  // namespace

TEST_CASE("the smallest keys first, at most max of them") {
  dnsd::PtrList list(3);
  for (const int number : {50, 10, 40, 20, 30}) list.add(key_of(number));
  CHECK(shown(list) == "10 20 30 ");
  CHECK(list.total() == 5);
  CHECK(list.cut() == 2);
  CHECK(list.take_changed());
  CHECK_FALSE(list.take_changed());
  list.add(key_of(60));
  CHECK_FALSE(list.take_changed());
  list.add(key_of(5));
  CHECK(shown(list) == "5 10 20 ");
  CHECK(list.take_changed());
}

TEST_CASE("one that leaves a cut list asks for the next, one that was not shown does not") {
  dnsd::PtrList list(2);
  for (const int number : {1, 2, 3}) list.add(key_of(number));
  list.remove(key_of(3));
  CHECK_FALSE(list.needs_refill());
  CHECK(list.cut() == 0);
  list.add(key_of(3));
  list.remove(key_of(1));
  CHECK(list.needs_refill());
  list.clear();
  for (const int number : {2, 3}) list.add(key_of(number));
  CHECK_FALSE(list.needs_refill());
  CHECK(shown(list) == "2 3 ");
  list.remove(key_of(3));
  CHECK_FALSE(list.needs_refill());
}

TEST_CASE("a list is no longer than a message, whatever is allowed") {
  for (const std::size_t max : {std::size_t{0}, std::size_t{100000}, std::size_t{7}}) {
    dnsd::PeerTable table;
    dnsd::LiveState live;
    dnsd::PtrLists lists(table, live, {max, false});
    const std::optional<base::Endpoint> somewhere = base::Endpoint::parse("203.0.113.9:1");
    dnsd::PeerRecord record;
    record.ipv4 = somewhere;
    record.detail = std::make_shared<const dnsd::PeerDetail>();
    for (int i = 0; i < 1000; ++i) lists.note_change(key_of(i), std::nullopt, record);
    lists.show();
    const std::size_t expected = max == 7 ? 7 : dnsd::max_listed;
    CHECK(live.list(dnsd::View::public_view)->size() == expected);
    CHECK(lists.cut(dnsd::View::public_view) == 1000 - expected);
  }
}

TEST_CASE("0 is no limit") {
  dnsd::PtrList list(0);
  for (int i = 0; i < 1000; ++i) list.add(key_of(i));
  CHECK(list.keys().size() == 1000);
  CHECK(list.cut() == 0);
  for (int i = 0; i < 999; ++i) list.remove(key_of(i));
  CHECK_FALSE(list.needs_refill());
  CHECK(shown(list) == "999 ");
}
