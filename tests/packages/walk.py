"""A newcomer's three machines, on which the README is done line by line."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import readme  # noqa: E402
from lab import machine  # noqa: E402
from lab.checks import GENEROUS, Failure, Skip, check, wait_until  # noqa: E402
from lab.wireguard import generate_private_keys  # noqa: E402

PACKAGES = ROOT / "build/test/packages"
README = ROOT / "README.md"

# Here WireGuard is wireguard-go, for which the README sends its reader to "User-space WireGuard" in the manual pages.
AS_ROOT = {
    "/etc/systemd/system/wg-updater@.service.d/root.conf": "[Service]\nDynamicUser=no\nUser=root\n",
}
# The Enter key of somebody who is asked whether to go on.
ASSUME_YES = {"/etc/apt/apt.conf.d/yes": 'APT::Get::Assume-Yes "true";\n'}

# What a command has to print, beyond the lines that are shown below it. Those that only look are repeated until then.
PRINTS = {
    "wg-dnsd --check-config": (
        r'observe:\s+- "203\.0\.113\.10:51820,10\.0\.0\.1"[\s\S]*ns:\s+- ns1\.wg\.example\.org\.=203\.0\.113\.10$'
    ),
    "wg-dnsd peer config alice": r"^PublicKey = \S{44}$",
    "wg-dnsd peers": r"alice.*\d:\d+[\s\S]*bob.*\d:\d+",
    "dig +short SOA wg.example.org @203.0.113.10": r"^ns1\.wg\.example\.org\.",
    "dig +short SOA wg.example.org": r"^ns1\.wg\.example\.org\.",
    "wg-updater wg0 --zone wg.example.org --dry-run": r"endpoint",
    "wg show wg0": r"(?s)latest handshake.*latest handshake",
    "ping -c 3 10.0.0.3": r" 0% packet loss",
}
ONLY_LOOKS = re.compile(r"^(dig|ping|wg|wg-dnsd|wg-updater) ")


def packages(which):
    """The two packages of one version, from build/test/packages/OLD or NEW, which build_packages has made."""
    found = [path for path in sorted((PACKAGES / which).glob("*.deb")) if "-dbgsym_" not in path.name]
    if len(found) != 2:
        raise Skip(f"needs the packages: run tests/packages/build_packages ({PACKAGES / which} has {len(found)})")
    return found


def dependencies(files):
    """The names of the packages that these depend on, the first of each choice."""
    listed = [machine.run("dpkg-deb", "--field", path, "Depends").stdout for path in files]
    return sorted({part.split("|")[0].split()[0] for line in listed for part in line.split(",")})


def files(root, ignored):
    """path → what it is, of everything in a Debian's folder. Times do not count."""
    found = {}
    for folder, folders, names in os.walk(root):
        below = os.path.relpath(folder, root).removeprefix(".")
        folders[:] = [name for name in folders if not ignored.match(os.path.join(below, name))]
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            if ignored.match(os.path.join(below, name)):
                continue
            facts = os.lstat(path)
            inside = os.readlink(path) if os.path.islink(path) else ""
            if os.path.isfile(path) and not inside:
                inside = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
            found[os.path.join(below, name)] = (oct(facts.st_mode), facts.st_uid, facts.st_gid, inside)
    return found


def compare(before, after, when):
    wrong = [f"new: {path}" for path in sorted(after.keys() - before.keys())]
    wrong += [f"gone: {path}" for path in sorted(before.keys() - after.keys())]
    wrong += [f"changed: {path}" for path in sorted(before.keys() & after.keys()) if before[path] != after[path]]
    check(not wrong, f"{when} the files are not as before:\n" + "\n".join(wrong))


def image(name="newcomer", more=()):
    """The machine before the README: systemd and WireGuard, and what apt will download, downloaded."""
    download = f"apt-get install --yes --download-only {' '.join(dependencies(packages('new')))}"
    return machine.make_image(name, (*machine.SYSTEM, *more), (download,))


class Walk:
    """Three machines in the laboratory, each with the packages in /root."""

    def __init__(self, world, which, made):
        self.world = world
        world.home("alice", "cone")
        world.home("bob", "cone")
        world.start_dns(resolvers=("unbound",))
        world.use_resolver("unbound")
        names = ("public", "alice", "bob")
        private = dict(zip(names[1:], generate_private_keys(2)))
        keys = {who: (key, world.command(["wg", "pubkey"], stdin=key).stdout.strip()) for who, key in private.items()}
        self.text = README.read_text(encoding="utf-8")
        self.names = readme.Names(self.text, keys)
        nodes = {"public": world.host, **{name: home.node for name, home in world.homes.items()}}
        self.preludes = dict.fromkeys(names, "cd /root; ")
        self.machines = {}
        for who, node in nodes.items():
            self.machines[who] = machine.Machine(node, made, {**AS_ROOT, **ASSUME_YES})
            self.put_packages(who, which)

    def put_packages(self, who, which):
        root = self.machines[who].root / "root"
        for old in root.glob("*.deb"):
            old.unlink()
        for path in packages(which):
            shutil.copy(path, root)

    def do_readme(self):
        """\\return how many steps there were."""
        done = [step for step in readme.steps(self.text) if step.who != "source"]
        for step in done:
            try:
                self.do_file(step) if isinstance(step, readme.File) else self.do_command(step)
            except (Failure, subprocess.TimeoutExpired) as error:
                raise Failure(f"{step.where}: {error}") from error
        return len(done)

    def do_file(self, step):
        for who in step.who:
            self.machines[who].write({step.path: self.names.put("\n".join(step.lines) + "\n", who)})

    def do_command(self, step):
        line = self.names.put(step.line, step.who)
        print(f"{step.where} {step.who}$ {step.line}")
        if re.match(r"^\w+\(\) *\{", line):
            self.preludes[step.who] += f"{line}; "
            return
        wanted = [self.names.pattern(shown) for shown in step.lines]
        if step.line in PRINTS:
            wanted.append(PRINTS[step.line])
        last = []

        def is_done():
            ran = self.machines[step.who].run(self.preludes[step.who] + line, check=False, timeout=8 * GENEROUS)
            last[:] = [f"{step.line}: exit code {ran.returncode}\n{ran.stdout}"]
            if ran.returncode == 0 and all(re.search(pattern, ran.stdout, re.MULTILINE) for pattern in wanted):
                if step.line == "wg-dnsd peer config alice":
                    self.names.learn("public", re.search(PRINTS[step.line], ran.stdout, re.MULTILINE)[0].split()[-1])
                return True
            if not ONLY_LOOKS.match(line) or ran.returncode in (2, 127):  # wrong usage, no such program
                raise Failure(f"{last[0]}{self.logs(step.who)}")
            return False

        try:
            wait_until(is_done, step.line, GENEROUS, interval=0.2)
        except Failure as late:
            raise late if "exit code" in str(late) else Failure(f"{last[0]}has none of {wanted}") from late

    def logs(self, who):
        return self.machines[who].output("journalctl --no-pager -b -p notice -n 30", check=False)

    def stop(self):
        for each in self.machines.values():
            each.stop()


