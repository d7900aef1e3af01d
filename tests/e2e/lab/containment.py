"""Runs a function in namespaces of its own, so that the kernel removes everything when it ends."""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import traceback

from lab.checks import Failure, Skip

RUN = pathlib.Path("/run/lab")  # files of the laboratory, gone with it

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def run_contained(body, network=True):
    """Runs body() as the first process of new namespaces; returns what it returned. Ending it is what cleans up.
    \\param network without: the machine's network stays."""
    own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY)
    if libc.unshare(CLONE_NEWPID) != 0:
        raise Skip(f"needs namespaces: {os.strerror(ctypes.get_errno())}")
    sys.stdout.flush()
    child = os.fork()
    if child != 0:
        libc.setns(own_namespace, CLONE_NEWPID)  # for later children
        os.close(own_namespace)
    else:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
        verdict = 1
        try:
            enter_namespaces(network)
            verdict = body()
        except Skip as reason:
            print(f"skipped: {reason}")
            verdict = 77
        except Failure as failure:
            print(f"failed: {failure}")
        except BaseException:  # never run on in the copied stack of the parent
            traceback.print_exc(file=sys.stdout)
        finally:
            sys.stdout.flush()
            os._exit(verdict)

    def interrupt(number, _frame):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print(f"interrupted by {signal.Signals(number).name}")
        sys.stdout.flush()
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def enter_namespaces(network):
    if libc.unshare(CLONE_NEWNS | (CLONE_NEWNET if network else 0)) != 0:
        raise Skip(f"needs namespaces: {os.strerror(ctypes.get_errno())}")
    resolv_conf = pathlib.Path("/etc/resolv.conf").resolve()
    for command in (
        "mount --make-rprivate /",
        "mount -t proc proc /proc",
        "mount -t tmpfs -o mode=755 laboratory /run",
        *(["ip link set lo up"] if network else []),
    ):
        subprocess.run(command.split(), check=True)
    RUN.mkdir()
    if not resolv_conf.exists():  # on some systems it points into /run
        resolv_conf.parent.mkdir(parents=True)
        resolv_conf.touch()
