#!/usr/bin/python3
"""kernel_wireguard: our netlink backend against the WireGuard of a real kernel, in a virtual machine.

`wg show NAME dump` is the reference. 1,200 peers, one of them with 3,000 allowed-ips, so that the kernel splits the
dump over many messages and one peer over several.
"""

import base64
import hashlib

from lab.kernel_vm import main, require_built

PEERS = 1200


def key(name):
    return base64.b64encode(hashlib.sha256(str(name).encode()).digest()).decode()


FIRST, LAST, STRANGER = key(0), key(PEERS - 1), key("stranger")

SCRIPT = f"""
same_as_wg() {{  # what wg shows, with its secrets hidden as our tool hides them
  wg show "$1" dump | awk -F '\\t' -v OFS='\\t' '{{ $(NR == 1 ? 1 : 2) = "(hidden)"; print }}' > /tmp/wg
  wg_device_tool dump "$1" > /tmp/ours && cmp -s /tmp/wg /tmp/ours
}}
field() {{ wg show wg0 "$1" | awk -v key="$2" '$1 == key {{ print $2 }}'; }}
sent() {{ wg show wg0 transfer | awk -v key="$1" '$1 == key {{ print $3 }}'; }}
unprivileged() {{ /usr/bin/setpriv --reuid 65534 --clear-groups "$@"; }}
message() {{ wg_device_tool "$@" 2>&1; }}

check "no device: said so" 'message dump wg0 | grep -q "wg0: there is no such interface"'
check "another kind of interface: said so" 'message dump lo | grep -q "lo: this interface is not WireGuard"'
check "no devices are listed" '[ -z "$(wg_device_tool list)" ]'

/bin/ip link add wg1 type wireguard
/bin/ip link add wg0 type wireguard
check "both devices are listed, sorted" '[ "$(wg_device_tool list | tr "\\n" " ")" = "wg0 wg1 " ]'
check "a device without key, port, peers" 'same_as_wg wg1'

wg setconf wg0 /wg0.conf
/bin/ip link set wg0 up
check "{PEERS} peers over many messages are what wg shows" 'same_as_wg wg0 && [ $(wc -l < /tmp/ours) = {PEERS + 1} ]'
check "the peer with 3000 allowed-ips is whole" '
  [ $(grep "^{FIRST}" /tmp/ours | cut -f 4 | tr , "\\n" | wc -l) = 3001 ]'

check "an endpoint is set" 'wg_device_tool set wg0 {LAST} endpoint=[::1]:1234 &&
  [ "$(field endpoints {LAST})" = "[::1]:1234" ]'
check "setting an endpoint sends nothing" '[ "$(sent {LAST})" = 0 ]'
check "a kick" 'wg_device_tool set wg0 {LAST} endpoint=127.0.0.1:9 keepalive=0 keepalive=25'
check "a kick sends one initiation" '[ "$(sent {LAST})" = 148 ]'
check "after a kick the keepalive is what it was kicked with" '[ "$(field persistent-keepalive {LAST})" = 25 ]'
check "everything else is as before" 'same_as_wg wg0 && [ $(wc -l < /tmp/ours) = {PEERS + 1} ]'
check "a peer that is not there is not made" '
  wg_device_tool set wg0 {STRANGER} endpoint=127.0.0.1:9 keepalive=0 keepalive=25 &&
  [ $(wg show wg0 peers | wc -l) = {PEERS} ] && ! wg show wg0 peers | grep -q {STRANGER}'
check "endpoints of all peers in one call, over several messages" 'wg_device_tool set wg0 $(cat /all) &&
  [ $(wg show wg0 endpoints | grep -c 192.0.2.77:) = {PEERS} ] && same_as_wg wg0'

check "a peer is added, with its networks" '
  wg_device_tool add wg0 {STRANGER} 10.254.0.1/32 fd02::1/128 &&
  wg show wg0 allowed-ips | grep -q "{STRANGER}.10.254.0.1/32 fd02::1/128" && same_as_wg wg0'
check "a peer is removed" '
  wg_device_tool remove wg0 {STRANGER} && ! wg show wg0 peers | grep -q {STRANGER} && [ $(wg show wg0 peers | wc -l) = {PEERS} ]'
check "one that is not there is not made to be removed" '
  wg_device_tool remove wg0 {STRANGER} && [ $(wg show wg0 peers | wc -l) = {PEERS} ]'

check "without privilege: said so" 'unprivileged wg_device_tool dump wg0 2>&1 | grep -q CAP_NET_ADMIN'
check "without privilege devices are listed" '[ "$(unprivileged wg_device_tool list | wc -l)" = 2 ]'

# six changes interrupt six dumps at most; the reader tries ten times
( for round in 1 2 3; do
  sleep 0.2; wg set wg0 peer {STRANGER} allowed-ips 10.255.0.1/32
  sleep 0.2; wg set wg0 peer {STRANGER} remove
done ) &
check "a device that changes while it is read is read whole" '
  wg_device_tool dump wg0 > /tmp/ours && lines=$(wc -l < /tmp/ours) && [ $lines = {PEERS + 1} -o $lines = {PEERS + 2} ]'
wait

/bin/ip link del wg1
check "a device that vanished: said so" 'message dump wg1 | grep -q "wg1: there is no such interface"'
"""


def write_config():
    lines = ["[Interface]", f"PrivateKey = {key('private')}", "ListenPort = 51820", "FwMark = 0x1234"]
    for number in range(PEERS):
        lines += ["[Peer]", f"PublicKey = {key(number)}"]
        lines += [f"AllowedIPs = 10.0.{number // 256}.{number % 256}/32, fd00::{number:x}/128"] if number else []
        lines += [f"PresharedKey = {key('psk')}"] if number % 7 == 1 else []
        lines += [f"PersistentKeepalive = {number}"] if number % 5 == 1 and number < PEERS - 1 else []
        if number % 3 == 1:
            lines.append(f"Endpoint = {'[2001:db8::1]' if number % 2 else '192.0.2.1'}:{number}")
    lines += ["[Peer]", f"PublicKey = {FIRST}", "AllowedIPs = fd01::/64"]
    lines += [f"AllowedIPs = 10.{16 + number // 256}.{number % 256}.0/24" for number in range(3000)]
    return "\n".join(lines) + "\n"


def prepare(vm, options):
    vm.add_program(require_built(options, "tests/wire/wg_device_tool"), "/bin/wg_device_tool")
    vm.add_text("/wg0.conf", write_config())
    vm.add_text("/all", " / ".join(f"{key(number)} endpoint=192.0.2.77:{number + 1}" for number in range(PEERS)))
    return SCRIPT


if __name__ == "__main__":
    main(prepare)
