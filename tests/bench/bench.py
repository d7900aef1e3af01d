"""Shared by the benchmarks: builds what is needed, and counts a process's CPU."""

import json
import os
import pathlib
import platform
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
FOLDER = ROOT / "build/bench"
SERVERS = ROOT / "build/servers"
SERVER_CORE, LOAD_CORE = 0, 1


def build(*targets):
    """Release build of these targets alone. If WG_DNSD_BENCH_BUILT is set, they are built already."""
    if os.environ.get("WG_DNSD_BENCH_BUILT"):
        return
    log = FOLDER / "build.log"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        for command in (
            ["cmake", "--preset", "release", "-D", "WG_DNSD_BUILD_TESTS=ON"],
            ["cmake", "--build", "--preset", "release", "--target", *targets],
        ):
            if subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, check=False).returncode != 0:
                raise SystemExit(f"the build failed, see {log}")


def program(name):
    return str(BUILD / ("dnsd" if name == "wg-dnsd" else "tests/bench") / name)


def run_json(*command, may_fail=False):
    """The JSON that a program prints as its last line. `may_fail`: exit code 1 is a finding, which the JSON
    describes."""
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0 and not (may_fail and result.returncode == 1):
        raise SystemExit(f"{command[0]} failed with {result.returncode}: {result.stdout}")
    return json.loads(result.stdout.splitlines()[-1])


def instructions(*command):
    """Instructions that all threads of a command execute, counted by callgrind."""
    result = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *(str(word) for word in command)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
    )
    return int(re.search(r"Collected : (\d+)", result.stdout).group(1))


def peers_file(count):
    """A WireGuard file with this many peers, made once."""
    path = FOLDER / f"peers-{count}.conf"
    if not path.exists():
        part = path.with_suffix(".part")
        with part.open("w") as out:
            subprocess.run([program("bench_peers"), str(count)], stdout=out, check=True)
        part.rename(path)
    return path


class Cpu:
    """CPU of all threads of a process so far: nanoseconds run, nanoseconds spent waiting for a core, user seconds."""

    def __init__(self, process):
        self.run = self.wait = 0
        user = system = 0
        for task in (pathlib.Path("/proc") / str(process) / "task").iterdir():
            run, wait, _ = (task / "schedstat").read_text().split()
            self.run += int(run)
            self.wait += int(wait)
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
            user += int(fields[11])
            system += int(fields[12])
        self.user = user / os.sysconf("SC_CLK_TCK")
        self.system = system / os.sysconf("SC_CLK_TCK")
        self.clock = time.monotonic_ns()


def memory(process):
    """Resident MiB now and at most."""
    text = pathlib.Path(f"/proc/{process}/status").read_text()
    return tuple(int(re.search(rf"{word}:\s+(\d+)", text).group(1)) / 1024 for word in ("VmRSS", "VmHWM"))


def machine():
    """The machine on which a figure was measured."""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text()).group(1)
    return {"cpu": cpu, "kernel": platform.release(), "date": time.strftime("%Y-%m-%d", time.gmtime())}
