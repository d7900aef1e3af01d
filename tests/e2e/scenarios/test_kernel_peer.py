#!/usr/bin/python3
"""kernel_peer: the WireGuard of a real kernel as a peer of wg-dnsd's built-in point, in a virtual machine.

With --full, for comparison, a kernel's own hub is tested: two minutes more.
"""

import pathlib
import subprocess
import tempfile

from lab.kernel_vm import main, require_built

SCRIPT = """
wait_for() {  # up to 100 s of an emulated processor
  for try in $(seq 500); do eval "$1" && return 0; sleep 0.2; done
  return 1
}
ask() { wg-dnsd "$@" --control /state/control; }
handshake() { [ "$(wg show wg0 latest-handshakes | cut -f 2)" != 0 ]; }
seen() { ask peers --json 2> /dev/null | grep -q '"endpoints":\\["203.0.113.10:4711"\\].*"stale":false'; }

umask 077
/bin/ip addr add 203.0.113.10/32 dev lo
mkdir /state && chown 65534:65534 /state
wg genpsk > /psk
start() {
  /usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all \\
    wg-dnsd --zone wg.example.org --observe 203.0.113.10:51820,10.0.0.254 --listen 203.0.113.10:5353 \\
    --ns ns1.wg.example.org=203.0.113.10 --state-dir /state --control /state/control 2>> /log &
  server=$!
}
start
check "it answers its commands" 'wait_for "ask pubkey > /dev/null 2>&1"'
/bin/ip link add wg0 type wireguard
wg genkey > /key
wg set wg0 private-key /key listen-port 4711
chmod 644 /psk
check "the kernel's peer is added" '
  ask peer add kernel "$(wg show wg0 public-key)" --allowed-ips 10.0.0.2/32 --preshared-key-file /psk'
ask peer config kernel > /section
wg addconf wg0 /section
wg set wg0 peer "$(ask pubkey | cut -d ' ' -f 1)" preshared-key /psk
/bin/ip addr add 10.0.0.2/32 dev wg0
/bin/ip link set wg0 up
check "a handshake with a preshared key" 'wait_for handshake'
check "its endpoint is published" 'wait_for seen'
check "its keepalives are answered" 'wait_for "[ \\$(wg show wg0 transfer | cut -f 2) -gt 92 ]"'
sleep 2
kill -9 $server
start
check "after kill -9 it is seen again without waiting for it" 'wait_for seen'
cat /log
"""

# For comparison, a host without wg-dnsd's point: its kernel's WireGuard, started again, can decrypt nothing until its
# peer gives the old session up.
KERNEL_HUB = """
start_hub() {
  /bin/ip link add wg1 type wireguard
  wg set wg1 private-key /hub-key listen-port 51821 peer "$(wg show wg0 public-key)" allowed-ips 10.0.0.2/32
  /bin/ip link set wg1 up
}
hub_sees() { [ "$(wg show wg1 latest-handshakes | cut -f 2)" != 0 ]; }
wg genkey > /hub-key
start_hub
wg set wg0 peer "$(wg pubkey < /hub-key)" endpoint 203.0.113.10:51821 allowed-ips 10.0.0.253/32 persistent-keepalive 25
check "a kernel's hub sees the peer" 'wait_for hub_sees'
sleep 2
/bin/ip link del wg1
start_hub
begun=$(cut -d . -f 1 /proc/uptime)
check "the kernel's hub, started anew, sees it again" 'wait_for hub_sees || wait_for hub_sees'
blind=$(($(cut -d . -f 1 /proc/uptime) - begun))
check "it was blind for $blind s, longer than a keepalive's 25" '[ $blind -gt 25 ]'
"""


def prepare(vm, options):
    with tempfile.TemporaryDirectory() as folder:
        bare = pathlib.Path(folder) / "wg-dnsd"
        program = require_built(options, "dnsd/wg-dnsd")
        subprocess.run(["strip", "--strip-debug", "-o", bare, program], check=True)
        vm.add_program(bare, "/bin/wg-dnsd")
    return SCRIPT + (KERNEL_HUB if options.full else "")


if __name__ == "__main__":
    main(prepare, timeout=480, memory="1536M")
