"""Machines: a small Debian with systemd, booted on a node of the laboratory, and the image that it starts from.

An image is made from this machine's package sources, by mmdebstrap, and kept in build/machines/ for later runs. It is
the lower layer of every machine; what a machine writes is gone with the laboratory.
"""

import os
import pathlib
import shlex
import shutil
import subprocess

from lab.checks import GENEROUS, Failure, Skip, wait_until
from lab.command_line import ROOT
from lab.containment import RUN

IMAGES = ROOT / "build/machines"
RELEASE = "bookworm"  # the Debian that the packages are for
SYSTEM = (
    "systemd", "systemd-sysv", "dbus", "iproute2", "iputils-ping", "wireguard-tools", "wireguard-go", "bind9-dnsutils",
    "nftables",
)  # fmt: skip

NAMESPACES = ("mount", "uts", "ipc", "net", "pid", "cgroup")
CLEAN = (
    "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive",
)  # fmt: skip


def run(*words, check=True, **keywords):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, **keywords)
    if check and done.returncode != 0:
        said = (done.stdout + done.stderr)[-3000:]
        raise Failure(f"{shlex.join(map(str, words))}: exit code {done.returncode}\n{said}")
    return done


def package_sources():
    line = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    listed = run("apt-get", "indextargets", "Created-By: Packages", "--format", line)
    suites = (RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security")
    found = sorted({line for line in listed.stdout.splitlines() if line.split()[2] in suites})
    if not found:
        raise Skip(f"no package sources for {RELEASE}")
    return "".join(f"{line}\n" for line in found)


def make_image(name, include=(), prepare=()):
    """\\param prepare shell lines that run in the new image with the machine's network. \\return its folder."""
    for tool, package in (("mmdebstrap", "mmdebstrap"), ("systemd-nspawn", "systemd-container")):
        if not shutil.which(tool):
            raise Skip(f"{tool} is not installed (Debian package {package})")
    image, stamp = IMAGES / name, IMAGES / f"{name}.made"
    wanted = repr((RELEASE, include, prepare))
    if stamp.exists() and stamp.read_text() == wanted:
        return image
    stamp.unlink(missing_ok=True)
    shutil.rmtree(image, ignore_errors=True)
    IMAGES.mkdir(parents=True, exist_ok=True)
    words = ["--quiet", "--variant=minbase", "--skip=cleanup/apt/lists", *(f"--include={name}" for name in include)]
    run("mmdebstrap", *words, RELEASE, image, "-", input=package_sources())
    for line in prepare:
        in_image(image, line)
    stamp.write_text(wanted)
    return image


def overlay(image, name):
    """A folder with the image's files. What is written to it is gone with the laboratory."""
    root, layers = RUN / name, RUN / f"{name}.layers"
    for folder in (root, layers / "upper", layers / "work"):
        folder.mkdir(parents=True)
    options = f"lowerdir={image},upperdir={layers}/upper,workdir={layers}/work"
    run("mount", "-t", "overlay", "-o", options, name, root)
    return root


def in_image(root, line, check=True):
    """Runs a shell line in a folder that holds a Debian. Nothing starts there: it has its own /proc and PIDs."""
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", f"--mount-proc={root}/proc"]
    return run(*words, "chroot", root, *CLEAN, "bash", "-c", line, check=check)


class Cgroup:
    """A machine's place in each hierarchy that systemd needs: two machines in one would manage each other's
    processes."""

    def __init__(self, name):
        base = pathlib.Path("/sys/fs/cgroup")
        tops = [base] if (base / "cgroup.procs").exists() else [base / "systemd", base / "unified"]
        own = f"wg-dnsd-test-{name}-{os.urandom(4).hex()}"  # the same in both, as systemd-nspawn makes it
        self.folders = [top / own for top in tops if top.exists()]
        for folder in self.folders:
            folder.mkdir()

    def enter(self):
        return "".join(f"echo $$ > {folder}/cgroup.procs; " for folder in self.folders)

    def remove(self):
        for folder in self.folders:
            for below, _, _ in os.walk(folder, topdown=False):
                os.rmdir(below)


class Machine:
    """A booted image on a node. \\param files path → text, written before it boots."""

    def __init__(self, node, image, files=None):
        self.node = node
        self.root = overlay(image, f"machine-{node.name}")
        self.write({"/etc/resolv.conf": node.resolv_conf.read_text(), **(files or {})})
        self.cgroup = Cgroup(node.name)
        self.boot()

    def write(self, files):
        for path, text in files.items():
            file = self.root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.is_symlink():
                file.unlink()
            file.write_text(text)

    def boot(self):
        words = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", f"--directory={self.root}",
            f"--machine={self.node.name}", "--console=pipe", "--resolv-conf=off", "--capability=CAP_NET_ADMIN",
            f"--network-namespace-path=/run/netns/{self.node.name}", "--bind=/dev/net/tun",
        ]  # fmt: skip
        log = RUN / f"machine-{self.node.name}.log"
        start = ["sh", "-c", f"{self.cgroup.enter()} exec {shlex.join(words)}"]
        with log.open("w") as said:
            self.nspawn = subprocess.Popen(start, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children")

        def is_up():
            if self.nspawn.poll() is not None:
                raise Skip(f"systemd does not boot in a container of this machine: {log.read_text()[-500:]}")
            self.leader = (children.read_text().split() or [None])[0]
            return self.leader and "running" in self.run("systemctl is-system-running --wait", check=False).stdout

        wait_until(is_up, f"{self.node.name} boots", 4 * GENEROUS)

    def run(self, line, check=True, timeout=4 * GENEROUS):
        """Runs a shell line in the machine, as root. Output of both kinds is in `stdout`."""
        enter = ["nsenter", f"--target={self.leader}", *(f"--{what}" for what in NAMESPACES), "--root", "--wd"]
        return self.node.lab.command([*enter, *CLEAN, "bash", "-c", f"exec 2>&1; {line}"], check, timeout=timeout)

    def output(self, line, **keywords):
        return self.run(line, **keywords).stdout

    def stop(self):
        if self.nspawn.poll() is None:
            self.run("systemctl --no-block poweroff", check=False)
            self.nspawn.wait(4 * GENEROUS)
        self.cgroup.remove()
