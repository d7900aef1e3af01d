#!/usr/bin/python3
"""kernel_peer: the WireGuard of a real kernel as a peer of wg-dnsd's built-in point, in a virtual machine.

Two kernels that have no other way to each other meet through the point's relay. With --full, for comparison, a kernel's
own hub is tested: two minutes more.
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
seen() { ask peers --json 2> /dev/null | grep -q '"published_endpoints":\\["203.0.113.10:4711"\\].*"stale":false'; }

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

# Two network namespaces, each with a route to the public host and to nothing else.
RELAYED = """
home() {  # name, address outside, address inside
  /bin/ip netns add $1
  /bin/ip link add $1 type veth peer name net netns $1
  /bin/ip link set $1 up
  /bin/ip route add $2/32 dev $1
  /bin/ip -n $1 link set lo up
  /bin/ip -n $1 link set net up
  /bin/ip -n $1 addr add $2/32 dev net
  /bin/ip -n $1 route add 203.0.113.10/32 dev net
  /bin/ip -n $1 link add wg-$1 type wireguard
  wg genkey > /key-$1
  /bin/ip netns exec $1 wg set wg-$1 private-key /key-$1 listen-port 51820
  /bin/ip -n $1 addr add $3/24 dev wg-$1
  /bin/ip -n $1 link set wg-$1 up
  ask peer add $1 "$(wg pubkey < /key-$1)" --allowed-ips $3/32 > /dev/null
  ask peer config $1 > /section
  /bin/ip netns exec $1 wg addconf wg-$1 /section
}
meets() {  # itself, the other, the address of the other inside
  /bin/ip netns exec $1 wg set wg-$1 peer "$(wg pubkey < /key-$2)" endpoint 203.0.113.10:51820 allowed-ips $3/32
}
known() { [ "$(ask peers --json | grep -c '"published_endpoints":\\["198.51.100.[12]:51820"\\].*"stale":false')" = 2 ]; }
home left 198.51.100.1 10.0.0.11
home right 198.51.100.2 10.0.0.12
check "two kernels are seen" 'wait_for known'
check "they have no way of their own" '! /bin/ip netns exec left ping -c 1 -W 1 198.51.100.2 > /dev/null 2>&1'
meets left right 10.0.0.12
meets right left 10.0.0.11
check "the first echo request is answered through the relay" '
  /bin/ip netns exec left ping -c 1 -W 20 10.0.0.12 > /reply; grep "time=" /reply'
check "and many more" '/bin/ip netns exec right ping -c 20 -i 0.05 -W 20 10.0.0.11 | grep " 0% packet loss"'
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
    vm.add_module("veth")
    return SCRIPT + RELAYED + (KERNEL_HUB if options.full else "")


if __name__ == "__main__":
    main(prepare, timeout=480, memory="1536M")
