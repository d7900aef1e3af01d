#include "updater/plan/names.hpp"

#include <doctest/doctest.h>

#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using updater::Memory;
using updater::Names;

const auto ann = key(0x10);
const auto bob = key(0x20);
const auto eve = key(0x30);

/// A device with three peers, and what they are called.
struct Rig {
  Names names;
  updater::Settings settings;
  Memory memory;
  wg::Device device = with({ann, bob, eve});

  static wg::Device with(const std::vector<wg::PublicKey>& peers) {
    wg::Device device;
    for (const auto& peer : peers) device.peers.emplace_back().public_key = peer;
    return device;
  }
  std::vector<updater::Note> settle() {
    std::vector<updater::Note> notes;
    names.settle(device, settings, memory, notes);
    return notes;
  }
};

}  // namespace

TEST_CASE("the operator names a peer before the file, the file before the public host") {
  Rig rig;
  rig.settings.peers[ann].name = "ann";
  rig.names.learn_file({{ann, "file-ann"}, {bob, "file-bob"}, {key(0x99), "stranger"}});
  rig.names.learn_told(ann, "told-ann");
  rig.names.learn_told(bob, "told-bob");
  rig.names.learn_told(eve, "told-eve");
  CHECK(rig.settle().empty());
  CHECK(rig.settings.name_of(ann) == "ann");
  CHECK(rig.settings.name_of(bob) == "file-bob");
  CHECK(rig.settings.name_of(eve) == "told-eve");
  CHECK(rig.settings.describe(eve) == wg::describe_peer("told-eve", eve));
  CHECK(rig.settings.name_of(key(0x99)).empty());
}

TEST_CASE("a name that the file and the host no longer have is remembered, also over a restart") {
  Rig rig;
  rig.names.learn_file({{bob, "bob"}});
  rig.names.learn_told(eve, "eve");
  (void)rig.settle();
  rig.names.learn_file({});  // wg-quick save
  rig.names.learn_told(eve, "");
  (void)rig.settle();
  CHECK(rig.settings.name_of(bob) == "bob");
  CHECK(rig.settings.name_of(eve) == "eve");

  Rig later;
  later.memory = *updater::parse_memory(updater::write_memory(rig.memory, "boot"), "another boot");
  (void)later.settle();
  CHECK(later.settings.name_of(bob) == "bob");
  later.names.learn_told(bob, "robert");
  (void)later.settle();
  CHECK(later.settings.name_of(bob) == "robert");
  CHECK(later.memory[bob].name == "robert");
}

TEST_CASE(
    "one name is one peer's, in any case of its letters; the others get a number and a line") {
  Rig rig;
  rig.settings.peers[eve].name = "Bob";
  rig.names.learn_file({{ann, "bob"}, {bob, "BOB"}});
  const auto notes = rig.settle();
  CHECK(rig.settings.name_of(eve) == "Bob");
  CHECK(rig.settings.name_of(ann) == "bob-2");
  CHECK(rig.settings.name_of(bob) == "BOB-3");
  REQUIRE(notes.size() == 2);
  CHECK(updater::to_string(notes[0], rig.settings) ==
        wg::describe_peer("bob-2", ann) +
            ": another peer is called bob already; this one is bob-2 here");
  CHECK(notes[0].level == updater::Note::Level::trouble);
  rig.names.learn_told(eve, "other");
  CHECK(rig.settle().empty());  // told once
  CHECK(rig.memory[ann].name == "bob");

  Rig longest;
  const std::string name(63, 'x');
  longest.names.learn_file({{ann, name}, {bob, name}});
  (void)longest.settle();
  CHECK(longest.settings.name_of(ann) == name);
  CHECK(longest.settings.name_of(bob) == std::string(61, 'x') + "-2");
}

TEST_CASE(
    "a peer that comes to the device has its name before it is there, unless another has it") {
  Rig rig;
  rig.device = Rig::with({ann});
  rig.names.learn_file({{ann, "ann"}});
  rig.names.learn_told(bob, "bob");
  rig.names.learn_told(eve, "Ann");
  (void)rig.settle();
  CHECK(rig.settings.name_of(bob).empty());
  rig.names.name_newcomer(bob, rig.settings);
  rig.names.name_newcomer(eve, rig.settings);
  CHECK(rig.settings.name_of(bob) == "bob");
  CHECK(rig.settings.name_of(eve).empty());
  CHECK(!rig.memory.contains(bob));
  rig.device = Rig::with({ann, bob, eve});
  (void)rig.settle();
  CHECK(rig.settings.name_of(bob) == "bob");
  CHECK(rig.settings.name_of(eve) == "Ann-2");
}

TEST_CASE("what is no label names nobody, and a peer that left takes its name along") {
  Rig rig;
  rig.names.learn_file({{ann, "two words"}, {bob, "bob"}});
  rig.names.learn_told(eve, "\x1b[31m");
  (void)rig.settle();
  CHECK(rig.settings.name_of(ann).empty());
  CHECK(rig.settings.name_of(eve).empty());

  rig.device = Rig::with({eve});  // bob has a new key
  rig.names.learn_file({{eve, "bob"}});
  CHECK(rig.settle().empty());
  CHECK(rig.settings.name_of(eve) == "bob");
}
