#include "dnsd/settings/config_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>

#include "tests/unit/dnsd/settings/read_yaml.hpp"

namespace {

using namespace read_yaml_fixture;
using dnsd::CommandLine;
using dnsd::Config;
using option_checks::error_of;

// The same, wherever it was read.
Config without_files(Config config) {
  config.place_files.clear();
  return config;
}

}  // namespace

TEST_CASE("the command line alone is enough, and files and command line speak the same words") {
  const Config from_words = dnsd::read_config(parse({"--zone",
                                                     "wg.example.org",
                                                     "--interface",
                                                     "wg0",
                                                     "--interface",
                                                     "wg1",
                                                     "--listen",
                                                     "203.0.113.1",
                                                     "--listen-private",
                                                     "[fd00::1]:5353",
                                                     "--ns",
                                                     "ns1.example.org=203.0.113.1,2001:db8::1",
                                                     "--publish-private",
                                                     "--padded-names=false",
                                                     "--public",
                                                     "names",
                                                     "--public",
                                                     "list",
                                                     "--list-max",
                                                     "0",
                                                     "--state-dir",
                                                     "/s",
                                                     "--poll-interval",
                                                     "0.25",
                                                     "--log-level",
                                                     "debug",
                                                     "--publish",
                                                     "listed"}),
                                              files({}));
  const Config from_file = read_yaml(
      "zone: wg.example.org\ninterface: [wg0, wg1]\nlisten-private: \"[fd00::1]:5353\"\n"
      "listen: 203.0.113.1:53\n"
      "ns: [\"ns1.example.org=203.0.113.1,2001:db8::1\"]\npublish-private: true\n"
      "padded-names: false\npublic: [names, list]\nlist-max: 0\nstate-dir: /s\n"
      "poll-interval: 0.25\nlog-level: debug\npublish: listed\n");
  CHECK(without_files(from_words) == without_files(from_file));
  CHECK(from_words.interfaces == std::vector<std::string>{"wg0", "wg1"});
  CHECK(from_words.listen.size() == 2);
  CHECK(from_words.listen[0].endpoint.to_string() == "203.0.113.1:53");
  CHECK(from_words.listen[1].view == dnsd::View::private_view);
  CHECK(from_words.name_servers[0].addresses.size() == 2);
  CHECK(from_words.publish_private);
  CHECK_FALSE(from_words.padded_names);
  CHECK(from_words.public_parts.names);
  CHECK_FALSE(from_words.public_parts.since);
  CHECK(from_words.list_max == 0);
  CHECK(from_words.poll_interval == std::chrono::milliseconds(250));
  CHECK(from_words.publish_listed_only);
}

TEST_CASE("the command line replaces what the file says, lists as a whole") {
  const Config config =
      read_yaml("zone: a.example\ninterface: [wg0, wg1]\npublic: [names]\nlist-max: 5\n",
                {"--zone", "b.example", "--interface", "wg7", "--public", "map"});
  CHECK(config.zone == *dns::Name::parse("b.example"));
  CHECK(config.interfaces == std::vector<std::string>{"wg7"});
  CHECK_FALSE(config.public_parts.names);
  CHECK(config.public_parts.map);
  CHECK(config.list_max == 5);
}

TEST_CASE("wrong words and values are told with their place and what would be right") {
  const struct {
    std::string name;
    std::string text;
    std::vector<std::string> expected;  // parts of the message
  } rows[] = {
      {"unknown word", "zone: a.b\nzoen: x\n", {"/etc/w.yaml:2: zoen", "zone, interface"}},
      {"duplicate word", "zone: a.b\nzone: c.d\n", {"/etc/w.yaml:2", "twice"}},
      {"number out of range", "list-max: -1\n", {"/etc/w.yaml:1: list-max", "'-1'", "0 to"}},
      {"number with unit", "stale-after: 180s\n", {":1: stale-after", "1 to 31536000 seconds"}},
      {"a list for one value", "zone: [a.b, c.d]\n", {":1: zone", "not a list"}},
      {"no zone", "list-max: 1\n", {"--zone"}},
      {"zone is the root", "zone: .\n", {":1: zone"}},
      {"zone too long",
       "zone: " + std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(59, 'c') +
           "\n",
       {":1: zone", "169"}},
      {"interface with a slash", "interface: ../x\n", {":1: interface", "15"}},
      {"interface too long", "interface: abcdefghijklmnop\n", {":1: interface"}},
      {"interface twice", "interface:\n  - wg0\n  - wg0\n", {":3: interface", "once"}},
      {"listen on a name", "listen: example.org\n", {":1: listen", "ADDRESS"}},
      {"listen on port 0", "listen: 127.0.0.1:0\n", {":1: listen"}},
      {"listen twice, in both views", "listen: 10.0.0.1\nlisten-private: 10.0.0.1:53\n", {":2: "}},
      {"ns with an empty address", "ns: ns1.a.b=\n", {":1: ns", "NAME=ADDRESS"}},
      {"ns with a broken address", "ns: ns1.a.b=1.2.3.4,x\n", {":1: ns"}},
      {"unknown public part", "public: [names, keys]\n", {":1: public", "'keys'", "since"}},
      {"toggle", "padded-names: 1\n", {":1: padded-names", "true or false"}},
      {"publish", "publish: some\n", {":1: publish", "all or listed"}},
      {"poll too often", "poll-interval: 0.05\n", {":1: poll-interval", "0.1 to 60"}},
      {"poll, four decimals", "poll-interval: 0.1000\n", {":1: poll-interval"}},
      {"poll, no decimals", "poll-interval: 1.\n", {":1: poll-interval"}},
      {"log level", "log-level: loud\n", {":1: log-level", "warning"}},
      {"control too long", "control: /" + std::string(107, 'x') + "\n", {":1: control", "107"}},
      {"expiry before staleness", "zone: a.b\nexpire-after: 60\n", {"expire-after (60 s)"}},
      {"peer without key", "peers:\n - name: x\n", {"/etc/w.yaml:2", "public-key"}},
      {"peer with a wrong key", "peers:\n - public-key: abc\n", {":2: public-key", "'abc'", "44"}},
      {"peer with an all-zero key",
       "peers:\n - public-key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
       {":2: public-key"}},
      {"peer with an unknown word", "peers:\n - public_key: abc\n", {":2: public_key", "allowed"}},
      {"peer name", "peers:\n - name: _x\n", {":2: name", "'_x'", "letters"}},
      {"peer endpoint without port", "peers:\n - endpoint: 1.2.3.4\n", {":2: endpoint", "PORT"}},
      {"peer endpoint, half an address", "peers:\n - endpoint: 1.2.3:5\n", {":2: endpoint"}},
      {"peer endpoint on loopback", "peers:\n - endpoint: 127.0.0.1:5\n", {":2: endpoint"}},
      {"peer allowed-ips", "peers:\n - allowed-ips: [10.0.0.0/33]\n", {":2: allowed-ips"}},
      {"peer endpoint as a list", "peers:\n - endpoint: [a]\n", {":2: endpoint", "one value"}},
      {"peer name as a map", "peers:\n - name: {a: b}\n", {":2: name", "not a map"}},
      {"allowed-ips as a map", "peers:\n - allowed-ips: {a: b}\n", {":2: allowed-ips", "map"}},
      {"a map for one value", "zone: {a: b}\n", {":1: zone", "not a map"}},
      {"a map for a list", "interface: {a: b}\n", {":1: interface", "map is not allowed"}},
      {"a list of maps for a list", "ns:\n - {a: b}\n", {":1: ns", "map is not allowed"}},
      {"peers is a value", "peers: sites.conf\n", {":1: peers", "list of maps"}},
      {"peers is a map", "peers: {name: a}\n", {":1: peers", "list of maps"}},
      {"peers holds values", "peers:\n - sites.conf\n", {":2: peers", "peers-file"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const std::string message = error_of([&] { (void)read_yaml(row.text); });
    CAPTURE(message);
    for (const std::string& part : row.expected) CHECK(message.find(part) != std::string::npos);
  }
  CHECK(error_of([] {
          (void)read_yaml("", {"--zone", "a.b", "--list-max", "-1"});
        }).starts_with("--list-max: '-1'"));
  CHECK(error_of([] {
          (void)read_yaml("", {"--zone", "a.b", "--zone", "c.d"});
        }) == "--zone: is given twice");
  CHECK_THROWS_AS((void)parse({"--zoen", "x"}), CLI::ParseError);
}

TEST_CASE("--check-config prints what loads again to the same configuration") {
  const std::string rich =
      std::string(
          "zone: wg.example.org\ninterface: [wg0]\nlisten-private: [\"[fd00::1]:53\", 10.0.0.1]\n"
          "listen: [\"::\"]\nns: [ns1.a.b, \"ns2.a.b=203.0.113.1,2001:db8::1\"]\npublic: [since, "
          "map]\n"
          "zone-file: wg.zone\npeers-file: sites.conf\npoll-interval: 1.5\nstate-dir: my state\n"
          "observe: [\"203.0.113.1:5=k,10.0.0.1,no-relay\"]\nrelay: no\nrelay-rate: 512k\n"
          "relay-total: 1500M\n"
          "peers:\n - name: alice\n   public-key: ") +
      alice +
      "\n   endpoint: \"[2001:db8::1]:7\"\n   allowed-ips: [10.0.0.2, \"::/0\"]\n - public-key: " +
      bob + "\n   endpoint: vpn.example.org:1\n   relay: no\n";
  for (const std::string& text : {rich, std::string("zone: a.b\n")}) {
    CAPTURE(text);
    const auto read = [](const std::string& path, const std::string& yaml) {
      CommandLine line;
      line.config_file = path;
      return dnsd::read_config(line, files({{path, yaml}, {"/etc/sites.conf", ""}}));
    };
    const Config first = read("/etc/w.yaml", text);
    const std::string printed = dnsd::to_yaml(first);
    CAPTURE(printed);
    CHECK(without_files(read("/tmp/elsewhere.yaml", printed)) == without_files(first));
  }
}

TEST_CASE("the folders that systemd hands over are the defaults") {
  ::setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
  ::setenv("RUNTIME_DIRECTORY", "/run/one", 1);
  const Config handed = read_yaml("zone: a.b\n");
  const Config given = read_yaml("zone: a.b\nstate-dir: /s\ncontrol: /c\n");
  ::unsetenv("STATE_DIRECTORY");
  ::unsetenv("RUNTIME_DIRECTORY");
  CHECK(handed.state_dir == "/var/lib/one");
  CHECK(handed.control_socket == "/run/one/control.sock");
  CHECK(given.state_dir == "/s");
  CHECK(given.control_socket == "/c");
  const Config alone = read_yaml("zone: a.b\n");
  CHECK(alone.state_dir == "/var/lib/wg-dnsd");
  CHECK(alone.control_socket == "/run/wg-dnsd/control.sock");
}

TEST_CASE("the complete examples load") {
  const std::string folder = std::string(SOURCE_DIR) + "/config/examples/";
  const auto load = [&](const std::string& name) {
    CommandLine line;
    line.config_file = folder + name + "/wg-dnsd.yaml";
    return dnsd::load_config(line);
  };
  CHECK(load("two-homes").interfaces.size() == 1);
  const Config sites = load("forty-sites");
  CHECK(sites.peers.size() == 40);
  CHECK(std::all_of(sites.peers.begin(), sites.peers.end(),
                    [](const auto& peer) { return !peer.name.empty(); }));
  CHECK(sites.warnings.empty());
  CHECK(load("replacing-wgsd").padded_names);
  CHECK(load("replacing-wgsd").wgsd);
}
