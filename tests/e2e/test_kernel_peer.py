#!/usr/bin/python3
"""kernel_peer: the WireGuard of a real kernel as a peer of wg-dnsd's built-in point, in a virtual machine."""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

from kernel_vm import KernelVm, Unavailable

ROOT = pathlib.Path(__file__).resolve().parents[2]

SCRIPT = """
failed=0
check() {
  if eval "$2"; then verdict=ok; else verdict=FAILED failed=1; fi
  echo "$(cut -d ' ' -f 1 /proc/uptime) s, $verdict: $1"
}
wait_for() {  # up to 100 s of an emulated processor
  for try in $(seq 500); do eval "$1" && return 0; sleep 0.2; done
  return 1
}
ask() { wg-dnsd "$@" --control /state/control; }
handshake() { [ "$(wg show wg0 latest-handshakes | cut -f 2)" != 0 ]; }
seen() { ask peers --json | grep -q '"endpoints":\\["203.0.113.10:4711"\\].*"stale":false'; }

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

# What a host without wg-dnsd's point has: its kernel's WireGuard, started anew, hears nothing that it understands until
# its peer gives the old session up.
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


def run(options):
    vm = KernelVm(options.build_dir / "kernel")
    program = options.build_dir / "dnsd/wg-dnsd"
    if not program.exists():
        raise Unavailable(f"{program} is not built")
    with tempfile.TemporaryDirectory() as folder:
        bare = pathlib.Path(folder) / "wg-dnsd"
        subprocess.run(["strip", "--strip-debug", "-o", bare, program], check=True)
        vm.add_program(bare, "/bin/wg-dnsd")
    vm.add_program("/usr/bin/wg", "/bin/wg")
    vm.add_program("/bin/ip")
    vm.add_program("/usr/bin/setpriv")
    code, output = vm.run(SCRIPT + (KERNEL_HUB if options.full else "") + "exit $failed\n", timeout=480, memory="1536M")
    print(output)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        (options.keep / "console.txt").write_text(output)
    return 0 if code == 0 and "ok: after kill -9" in output else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build/dev", help="where the programs are")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="copy what the machine printed to DIR")
    parser.add_argument("--full", action="store_true", help="a kernel's hub beside it: two minutes more")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        verdict = run(options)
    except Unavailable as reason:
        print(f"skipped: {reason}")
        verdict = 77
    word = {0: "passed", 77: "skipped"}.get(verdict, "failed")
    print(f"kernel_peer: {word} after {time.monotonic() - started:.1f} s")
    return verdict


if __name__ == "__main__":
    sys.exit(main())
