"""In place of CoreDNS with the plugin wgsd: the commands that its users know, against wg-dnsd.

    test_wgsd.py PROGRAM [-v] [Wgsd.test_…]

The list, the question for one entry of it, and the key of its label by coreutils. The configuration is the example's
(config/examples/replacing-wgsd), with a built-in point and fixed endpoints in place of the interface. Loopback only;
without dig the test is skipped.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

from dns_wire import PATIENCE, free_port
from process import Process

EXAMPLE = pathlib.Path(__file__).parents[2] / "config/examples/replacing-wgsd/wg-dnsd.yaml"
OWN, OWN_PRIVATE = "fClf4uIWsaeO7JRLaXwik/koSDrySDr2pvHxpVQpQB4=", "CNM1A+4n1MEwVdDO/sXnML5O8uQc1s/OQ0k27B58nUs="
PEERS = {  # key: endpoint, allowed-ips
    "xScVkH3fUGUv4RrJFfmcqm8rs3SEHr41km6+yffAHw4=": ("203.0.113.1:7777", "10.0.0.1/32"),
    "syKB97XhGnvC+kynh2KqQJPXoOoOpx/HmpMRTc+r4js=": ("198.51.100.1:8888", "10.0.0.2/32"),
    OWN: ("192.0.2.1:51820", "10.0.0.254/32"),  # `self` of the plugin
}


class Wgsd(Process):
    def shell(self, line):
        """The output of a line for a shell; {dig} asks the server."""
        line = line.replace("{dig}", f"dig @127.0.0.1 -p {self.port} +noall +answer +additional")
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=PATIENCE, check=True)
        return done.stdout.splitlines()

    @unittest.skipUnless(shutil.which("dig"), "dig asks")
    def test_the_commands_of_the_plugin_find_the_same(self):
        key_file = self.folder / "key"
        key_file.write_text(OWN_PRIVATE + "\n")
        key_file.chmod(0o600)
        example = EXAMPLE.read_text()
        self.assertIn("\ninterface: wg0\n", example)
        peers = "".join(f"  - {{public-key: {key}, endpoint: \"{endpoint}\", allowed-ips: {allowed}}}\n"
                        for key, (endpoint, allowed) in PEERS.items())  # fmt: skip
        config = self.folder / "wg-dnsd.yaml"
        config.write_text(example.replace("interface: wg0", f"observe: 127.0.0.1:{free_port()}={key_file}")
                          + f"zone-file: ''\nlisten: 127.0.0.1:{self.port}\npeers:\n{peers}")  # fmt: skip
        self.arguments = lambda *more: [self.program, "--config", config, "--control", self.control,
                                        "--state-dir", self.folder / "state", *more]  # fmt: skip
        self.start()
        listed = self.shell("{dig} _wireguard._udp.example.com. PTR")
        instances = [line.split()[4] for line in listed]
        self.assertEqual(len(instances), len(PEERS), listed)
        found = {}
        for instance in instances:
            self.assertRegex(instance, r"^[a-z2-7]{52}====\._wireguard\._udp\.example\.com\.$")
            [key] = self.shell(f"echo {instance.split('.')[0]} | tr '[:lower:]' '[:upper:]' | base32 -d | base64")
            srv, address, text = self.shell(f"{{dig}} {instance} SRV")
            port = re.fullmatch(rf"{instance}\s+1\s+IN\s+SRV\s+10 0 (\d+) \S+", srv)[1]
            place = re.fullmatch(r"\S+\s+1\s+IN\s+A\s+(\S+)", address)[1]
            strings = re.fullmatch(rf"{instance}\s+1\s+IN\s+TXT\s+(.*)", text)[1].replace('"', "").split()
            self.assertEqual(strings[:2], ["txtvers=1", f"pub={key}"])
            [allowed] = [one.removeprefix("allowed=") for one in strings if one.startswith("allowed=")]
            found[key] = (f"{place}:{port}", allowed)
            # Each of the two by itself, too.
            self.assertEqual(self.shell(f"{{dig}} {instance} A +short"), [place])
            self.assertEqual(self.shell(f"{{dig}} {instance} TXT"), [text])
        self.assertEqual(found, PEERS)


if __name__ == "__main__":
    Wgsd.program = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
