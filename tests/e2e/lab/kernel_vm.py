"""A virtual machine whose kernel has WireGuard, for machines whose own kernel may have none.

Debian's cloud kernel is downloaded and unpacked, never installed. The root is a small initramfs: busybox, and the
programs that the caller adds, with the libraries they are linked with. qemu emulates the processor (no KVM is needed).
A machine boots, runs its script and powers off in a few seconds.

    vm = KernelVm(build_dir / "kernel")
    vm.add_program("/usr/bin/wg")
    code, output = vm.run("ip link add wg0 type wireguard && wg show wg0")

A scenario is a function that prepares a machine and returns its script; `main(prepare)` runs it.

Packages: qemu-system-x86, busybox-static; apt-get downloads the kernel. Raises Skip if they are not available.
"""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

from lab import command_line
from lab.checks import Skip

META_PACKAGE = "linux-image-cloud-amd64"
QEMU = "qemu-system-x86_64"
BUSYBOX = "/bin/busybox"
BEGIN, END = "---- the script begins", "---- the script ends with"

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /run/wireguard /tmp /dev/pts
ln -s /run /var/run
for module in {modules}; do insmod "/modules/$module" || echo "no module $module"; done
/bin/ip link set lo up
echo "{begin}"
sh /script
echo "{end} $?"
poweroff -f
"""

CHECKS = """
failed=0
check() {
  if eval "$2"; then verdict=ok; else verdict=FAILED failed=1; fi
  echo "$(cut -d ' ' -f 1 /proc/uptime) s, $verdict: $1"
}
"""


def main(prepare, **limits):
    """Runs a script of `check WHAT CONDITION` lines in a machine, with wg, ip and setpriv; exits with the verdict.

    \\param prepare(vm, options) → script; it may add more files. \\param limits as of KernelVm.run.
    """

    def on_machine(options):
        vm = KernelVm(options.build_dir / "kernel")
        for program in ("/usr/bin/wg", "/bin/ip", "/usr/bin/setpriv"):
            vm.add_program(program)
        script = prepare(vm, options)
        code, output = vm.run(f"{CHECKS}{script}\nexit $failed\n", **limits)
        print(output)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / "console.txt").write_text(output)
        return 0 if code == 0 else 1

    command_line.run_and_exit(on_machine)


def require_built(options, name):
    """The path of a program of the build. \\error Skip"""
    program = options.build_dir / name
    if not program.exists():
        raise Skip(f"{program} is not built")
    return program


class KernelVm:
    """Files for the next run, and run(). \\param cache: a folder for the unpacked kernel, kept between runs."""

    def __init__(self, cache, modules=("wireguard",)):
        for tool in (QEMU, BUSYBOX):
            if not shutil.which(tool):
                raise Skip(f"needs {tool}: apt-get install qemu-system-x86 busybox-static")
        self.kernel = unpack_kernel(pathlib.Path(cache))
        self.release = self.kernel.name.removeprefix("vmlinuz-")
        self.files = {}  # path in the machine → (mode, octets)
        self.modules = []
        for name in modules:
            self.add_module(name)
        self.add_file(BUSYBOX, BUSYBOX)

    def add_text(self, path, text, mode=0o644):
        self.files[path] = (mode, text.encode())

    def add_file(self, path, source):
        """\\param path in the machine. \\param source on this one."""
        source = pathlib.Path(source)
        self.files[path] = (stat.S_IMODE(source.stat().st_mode), source.read_bytes())

    def add_program(self, source, path=None):
        """A program, by default at the same place, with the libraries it needs."""
        self.add_file(path or str(source), source)
        listed = subprocess.run(["ldd", str(source)], capture_output=True, text=True, check=False).stdout
        if "not found" in listed:
            raise Skip(f"{source} lacks a library: {listed}")
        for library in re.findall(r"(/\S+) \(0x", listed):
            self.add_file(library, library)

    def add_module(self, name):
        """Adds a kernel module and the modules it depends on, in the order of loading. A built-in one needs nothing."""
        tree = self.kernel.parent.parent / "lib/modules" / self.release
        found = [path for path in tree.rglob("*.ko") if path.stem.replace("-", "_") == name.replace("-", "_")]
        if not found:
            return
        if found[0].name in self.modules:
            return
        octets = found[0].read_bytes()
        depends = re.search(rb"\0depends=([^\0]*)\0", octets)
        for needed in filter(None, depends.group(1).decode().split(",") if depends else []):
            self.add_module(needed)
        self.files[f"/modules/{found[0].name}"] = (0o644, octets)
        self.modules.append(found[0].name)

    def run(self, script, timeout=240, memory="512M", arguments=()):
        """Runs a busybox shell script as root and powers off; returns its exit code and what it printed.

        \\param timeout for everything, seconds: a busy machine must not fail a test.
        \\param arguments more arguments of qemu, for devices.
        """
        self.add_text("/script", script)
        self.add_text("/init", INIT.format(modules=" ".join(self.modules), begin=BEGIN, end=END), 0o755)
        with tempfile.TemporaryDirectory(prefix="kernel-vm-") as folder:
            initramfs = pathlib.Path(folder) / "initramfs"
            write_cpio(initramfs, self.files)
            # panic=-1 with -no-reboot: after a panic the machine ends instead of hanging.
            command = [
                QEMU, "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", memory, "-nodefaults", "-display", "none",
                "-no-reboot", "-serial", "stdio", "-kernel", str(self.kernel), "-initrd", str(initramfs),
                "-append", "console=ttyS0 quiet loglevel=3 panic=-1", *arguments,
            ]  # fmt: skip
            try:
                done = subprocess.run(
                    command, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False
                )
            except subprocess.TimeoutExpired as late:
                return 124, (late.stdout or b"").decode(errors="replace") + f"\nnot done after {timeout} s"
        text = done.stdout.decode(errors="replace").replace("\r", "")
        ended = re.search(rf"{BEGIN}\n(.*){END} (\d+)", text, re.DOTALL)
        if not ended:
            return 125, f"{text}\n{done.stderr.decode(errors='replace')}\nthe machine ended before its script did"
        return int(ended.group(2)), ended.group(1)


def unpack_kernel(cache):
    """The newest kernel of Debian's cloud flavour that apt knows, unpacked below the cache; returns its vmlinuz."""
    unpacked = sorted(cache.glob("boot/vmlinuz-*"))
    if unpacked:
        return unpacked[-1]
    if not shutil.which("apt-get"):
        raise Skip("needs apt-get, to download a kernel")
    depends = subprocess.run(["apt-cache", "depends", META_PACKAGE], capture_output=True, text=True, check=False)
    packages = re.findall(r"Depends: (linux-image-\S+-cloud-amd64\S*)", depends.stdout)
    if not packages:
        raise Skip(f"apt knows no {META_PACKAGE}: apt-get update")
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kernel-", dir=cache.parent) as folder:
        got = subprocess.run(
            ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", packages[0]],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        archives = list(pathlib.Path(folder).glob("*.deb"))
        if got.returncode != 0 or not archives:
            raise Skip(f"{packages[0]} cannot be downloaded: {(got.stderr.strip().splitlines() or ['?'])[-1]}")
        whole = pathlib.Path(folder) / "kernel"
        subprocess.run(["dpkg-deb", "-x", archives[0], whole], check=True)
        try:
            os.rename(whole, cache)  # whole or not at all
        except OSError:
            if not cache.exists():  # otherwise another test was faster
                raise
    return sorted(cache.glob("boot/vmlinuz-*"))[-1]


def write_cpio(target, files):
    """A cpio archive in the format `newc` that the kernel unpacks (its Documentation, buffer-format.rst)."""
    folders = {"/proc", "/sys", "/dev", "/run", "/var", "/bin", "/modules"}
    for path in files:
        folders.update(str(folder) for folder in pathlib.PurePosixPath(path).parents if str(folder) != "/")
    entries = [(folder, stat.S_IFDIR | 0o755, b"") for folder in sorted(folders)]
    entries += [(path, stat.S_IFREG | mode, octets) for path, (mode, octets) in sorted(files.items())]
    entries.append(("/TRAILER!!!", 0, b""))
    with open(target, "wb") as archive:
        for number, (path, mode, octets) in enumerate(entries, start=1):
            name = path[1:].encode() + b"\0"
            fields = (number, mode, 0, 0, 1, 0, len(octets), 0, 0, 0, 0, len(name), 0)
            header = b"070701" + b"".join(b"%08x" % field for field in fields) + name
            archive.write(header + bytes(-len(header) % 4) + octets + bytes(-len(octets) % 4))
