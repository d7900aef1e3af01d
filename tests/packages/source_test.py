#!/usr/bin/python3
"""The README's way from source, line by line, in a minimal Debian (mmdebstrap --variant=minbase): clone, build,
install, and what it installed runs and is uninstalled. Needs the machine's network, and takes the minutes of a whole build."""

import re
import time

import readme
import walk
from lab import machine
from lab.checks import check
from lab.command_line import run_and_exit
from lab.containment import run_contained



def main(options):
    image = machine.make_image("minimal-systemd", ("systemd",))
    return run_contained(lambda: from_source(image), network=False)


def from_source(image):
    root = machine.overlay(image, "source")
    machine.run("git", "clone", "--quiet", "--bare", walk.ROOT, root / "root/repository.git")
    (root / "etc/apt/apt.conf.d/yes").write_text('APT::Get::Assume-Yes "true";\n')
    started = time.monotonic()
    folder = "/root"
    commands = [step for step in readme.steps(walk.README.read_text(encoding="utf-8")) if step.who == "source"]
    check(len(commands) >= 5, f"the README has {len(commands)} commands from source: too few were found")
    for step in commands:
        print(f"{step.where} source$ {step.line}", flush=True)
        line = step.line.replace("REPOSITORY", "/root/repository.git")
        script = f"cd {folder}; {{ {line}; }} > /tmp/said 2>&1 || {{ tail -n 30 /tmp/said; exit 1; }}; pwd"
        folder = machine.in_image(root, script).stdout.strip()
    print(f"from source in {time.monotonic() - started:.0f} s")
    for program in ("wg-dnsd", "wg-updater"):
        version = machine.in_image(root, f"{program} --version").stdout
        check(re.match(rf"{program} \d+\.\d+\.\d+", version), f"{program} says {version}")
        size = (root / f"usr/sbin/{program}").stat().st_size
        check(size < 5_000_000, f"{program} has {size} octets: it is not stripped")
        print(f"{version.strip()}: {size} octets")
    check(machine.in_image(root, "getent passwd wg-dnsd").stdout, "there is the user wg-dnsd")
    manifest = (root / f"{folder.lstrip('/')}/build/release/install_manifest.txt").read_text(encoding="utf-8")
    machine.in_image(root, f"cd {folder}; xargs rm -f < build/release/install_manifest.txt")
    left = [path for path in manifest.splitlines() if (root / path.lstrip("/")).exists()]
    check(not left, f"the README's uninstall leaves {left}")
    return 0


run_and_exit(main)
