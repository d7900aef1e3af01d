"""Builds and runs every test: the table `steps` says what. Called by scripts/test, which installs what is needed.

Each step's output goes to build/test/NAME.log; its end is shown if the step fails. A step that ends with exit code 77
was skipped, and its log says why. The last line counts the steps; the exit code is 0 only if nothing failed.

Scenarios mostly wait. So the programs are built first. Then a few scenarios at a time run while the unit tests are
compiled and run. With --full every step runs alone, and scenarios judge the seconds that they otherwise only print.

A scenario that failed beside others runs once more at the end, alone. If it passes then, the machine was too busy for it:
the summary names it, with the end of its first log. With --full nothing is run again.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / "build/test"
SKIPPED = 77
SLOWEST = 10  # tests, shown at the end
END_OF_LOG = 40  # lines, shown of a step that failed
UNIT_LIMIT = 600  # seconds, for one program of unit tests

# What may run at the same time as a step.
ALONE = "alone"  # no other step
BESIDE = "beside"  # one of these, and scenarios
SCENARIO = "scenario"  # a few of these
HEAVY = "heavy"  # a scenario that keeps a core busy: one of these among the scenarios
SCENARIOS_AT_ONCE = 4
HEAVY_SCENARIOS = {
    "crowd", "fleet", "flood", "hostile_packets", "kernel_peer", "kernel_wireguard", "relay_attacks",
    "relay_clients", "relay_matrix", "relay_silence", "tcp_crowd",
}  # fmt: skip
RECORDED = ("e2e/demo", "e2e/new_network")  # what they print is long, and stands in doc
LONG_SCENARIOS = ("updater_doctor", "doctor", "rebinding", "late_peer", "no_write", "fleet")  # start first, so that none of them runs last

PROGRAMS = ("wg-dnsd", "wg-updater", "wg_crowd", "wg_device_tool", "play")  # all that scenarios run

# command: a list of words, or a function(log) → exit code. `needs`: the step that must have passed before. `full`: only
# with --full. `room`: what may run at the same time.
Step = collections.namedtuple("Step", "name command needs full room", defaults=(None, False, ALONE))


def steps(options):
    # Tests have sanitizers only with --full: compiling is most of a run.
    dev = ("-D", f"WG_DNSD_SANITIZE_TESTS={'ON' if options.full else 'OFF'}")
    beside = ALONE if options.full else BESIDE
    table = [
        Step("format", check_format),
        Step("scripts", check_scripts),
        Step("man", check_man_pages),
        Step("order", ["tests/structure/order_test.py"]),
        Step("programs", build("dev", dev, PROGRAMS)),
        Step("build", build("dev", dev), needs="programs", room=beside),
        Step("unit", ctest("dev") if options.full else unit, needs="build", room=beside),
        *([] if options.full else [Step("ctest", ctest("dev", "-LE", "unit"), needs="build", room=beside)]),
        Step("build-release", build("release"), full=True),
        Step("unit-release", ctest("release"), needs="build-release", full=True),
        Step("build-bench", build("release", targets=("bench",)), needs="build-release", full=True),
        Step("build-coverage", build("coverage"), full=True),
        Step("simulation", ["build/release/tests/simulation/simulate"], needs="build-release", full=True),
    ]
    # Seconds are judged with the optimised programs, one scenario at a time.
    preset, needs = ("release", "build-release") if options.full else ("dev", "programs")
    for script in scenario_scripts():
        short = name_of_scenario(script)
        room = ALONE if options.full else HEAVY if short in HEAVY_SCENARIOS else SCENARIO
        table.append(Step(f"e2e/{short}", scenario(script, f"e2e/{short}", preset, options), needs, room=room))
    return table + [
        Step("build-tsan", build("tsan"), full=True),
        Step("unit-tsan", ctest("tsan"), needs="build-tsan", full=True),
        Step("build-fuzz", build("fuzz"), full=True),
        Step("unit-fuzz", ctest("fuzz"), needs="build-fuzz", full=True),
        Step("fuzz", fuzz, needs="build-fuzz", full=True),
        Step("lint", build("lint"), full=True),
        Step("docker", ["tests/docker/build_images"], full=True),
        Step("systemd", ["tests/systemd/boot_units", "build/release"], needs="build-release", full=True),
        Step("packages", ["tests/packages/build_packages"], full=True),
        *(
            Step(f"packages/{name}", [f"tests/packages/{name}_test.py"], needs="packages", full=True)
            for name in ("chroot", "readme", "upgrade", "source")
        ),
    ]


def scenario_scripts():
    """The demo first, then the long ones, then the others by name."""
    folder = ROOT / "tests/e2e/scenarios"
    long = [folder / f"test_{name}.py" for name in LONG_SCENARIOS]
    return [folder / "demo.py", *long, *sorted(set(folder.glob("test_*.py")) - set(long))]


def name_of_scenario(script):
    return script.stem.removeprefix("test_")


# ---- the work of the steps


def tracked_files(*patterns):
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def run(log, *words):
    words = [str(word) for word in words]
    return subprocess.run(words, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL).returncode


def check_format(log):
    return run(log, "clang-format", "--dry-run", "-Werror", *tracked_files("*.cpp", "*.hpp"))


def check_scripts(log):
    shell = [name for name in tracked_files("scripts", ".ci", "tests", "docker", "packaging") if is_shell(ROOT / name)]
    verdict = run(log, "pyflakes3", *tracked_files("*.py"))
    for name in shell:
        verdict |= run(log, "bash", "-n", name)
    return verdict


def is_shell(path):
    first_line = path.read_bytes().split(b"\n", 1)[0] if path.is_file() else b""
    return first_line.startswith(b"#!") and first_line.endswith(b"sh")


def check_man_pages(log):
    pages = tracked_files("doc/*.[1-8]", "doc/*.[1-8].in")
    if not pages:
        log.write("skipped: there are no man pages\n")
        return SKIPPED
    return run(log, "mandoc", "-T", "lint", "-W", "warning", *pages)


def build(preset, definitions=(), targets=()):
    """Builds all, or some targets. `-D WG_DNSD_BUILD_TESTS=ON`: scripts/demo builds without."""
    configure = ("cmake", "--preset", preset, "-D", "WG_DNSD_BUILD_TESTS=ON", *definitions)
    compile = ("cmake", "--build", "--preset", preset, *(("--target", *targets) if targets else ()))
    return lambda log: run(log, *configure) or run(log, *compile)


def ctest(preset, *more):
    report = ("--output-junit", ctest_report(preset))
    return ["ctest", "--preset", preset, "-j", str(os.cpu_count()), "--no-tests=error", *report, *more]


def ctest_report(preset):
    return str(LOGS / f"ctest-{preset}.xml")


def unit(log):
    """Runs each program of unit tests once. ctest starts a process for each case, and with the sanitizers the starts take
    ten times as long as the cases. --full does it, so that no case depends on another."""
    programs = [pathlib.Path(line) for line in (ROOT / "build/dev/tests/unit/programs.txt").read_text().splitlines()]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, (path, problem) in enumerate(zip(programs, pool.map(problem_of, programs)), 1):
            log.write(f"{number}/{len(programs)} Test {path.name}\n{problem}")
            log.flush()
            failed += bool(problem)
    return 1 if failed or not programs else 0


def problem_of(program):
    """Runs a program of unit tests. \\return its output, if anything failed."""
    report = LOGS / f"unit-{program.name}.xml"
    words = [program, "-r=junit", f"-o={report}"]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=UNIT_LIMIT)  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return f"{(late.stdout or b'').decode(errors='replace')}{program} did not end within {UNIT_LIMIT} s\n"
    if done.returncode == 0 and unit_cases(report):
        return ""
    failures = report.read_text(errors="replace") if report.exists() else ""
    return f"{done.stdout.decode(errors='replace')}{failures}{program} ended with {done.returncode}\n"


def scenario(script, name, preset, options):
    words = [str(script), "--build-dir", f"build/{preset}", "--keep", str(LOGS / name)]
    return words + ["--full"] if options.full else words


def fuzz(log):
    """A target that found something may end with 77, which is no skipped step."""
    verdicts = []
    for target in sorted((ROOT / "build/fuzz/tests/fuzz").glob("fuzz_*")):
        if target.is_file() and os.access(target, os.X_OK):
            name = target.name.removeprefix("fuzz_")
            grown = LOGS / f"corpus-{name}"
            grown.mkdir(exist_ok=True)
            verdicts.append(run(log, target, "-max_total_time=30", grown, f"tests/fuzz/corpus/{name}"))
    return 1 if any(verdicts) or not verdicts else 0


# ---- running them


class Run:
    """The steps that are running, and the verdicts so far."""

    def __init__(self, runs_again):
        self.runs_again = runs_again
        self.count = collections.Counter()
        self.verdicts = {}
        self.running = {}
        self.seconds = []  # (seconds, name) of each test
        self.failures = []  # names
        self.second_runs = {}  # name of a scenario → end of the log of its first run
        self.progress = Progress()

    def run_all(self, table):
        waiting = list(table)
        while waiting or self.running:
            for step in list(waiting):
                if self.verdicts.get(step.needs) == "failed":
                    self.verdicts[step.name] = "failed"
                    self.report("failed", 0, f"{step.name}: {step.needs} failed")
                elif self.may_start(step):
                    self.start(step)
                elif step.room == ALONE:
                    break  # no step may overtake it, or it would wait for ever
                else:
                    continue
                waiting.remove(step)
            if self.running:
                waiting += self.wait_for_one()

    def may_start(self, step):
        if step.needs and step.needs not in self.verdicts:
            return False
        rooms = collections.Counter(running.room for running, _ in self.running.values())
        if rooms[ALONE] or (step.room == ALONE and self.running):
            return False
        if step.room in (BESIDE, HEAVY) and rooms[step.room]:
            return False
        return step.room not in (SCENARIO, HEAVY) or rooms[SCENARIO] + rooms[HEAVY] < SCENARIOS_AT_ONCE

    def start(self, step):
        """Each step is a process of its own in either form, so that several can run at the same time."""
        log = open(log_of(step), "w", encoding="utf-8")
        process = os.fork()
        if process == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            code = 1
            try:
                if step.room == BESIDE:
                    os.nice(19)  # scenarios wait for events; compilers take the remaining time
                code = step.command(log) if callable(step.command) else run(log, *step.command)
            except BaseException as error:  # never run on in the copied stack of the parent
                log.write(f"{type(error).__name__}: {error}\n")
            log.flush()
            os._exit(code if 0 <= code < 256 else 1)
        log.close()
        with contextlib.suppress(OSError):
            os.setpgid(process, process)  # here too: stop() may come before the child has done it
        self.running[process] = (step, time.monotonic())

    def wait_for_one(self):
        """\return the step that ended, if it is to run again"""
        process, status = os.waitpid(-1, os.WNOHANG)
        while not process:
            self.progress.show([step for step, _ in self.running.values()])
            time.sleep(0.1)
            process, status = os.waitpid(-1, os.WNOHANG)
        step, started = self.running.pop(process)
        code = os.waitstatus_to_exitcode(status)
        verdict = {0: "passed", SKIPPED: "skipped"}.get(code, "failed")
        was_beside = step.room in (SCENARIO, HEAVY) and self.runs_again
        if verdict == "failed" and was_beside:
            self.second_runs[step.name] = log_of(step).read_text(errors="replace").splitlines()[-END_OF_LOG:]
            self.progress.say(f"again, alone, at the end: {step.name}")
            return [step._replace(room=ALONE)]
        self.verdicts[step.name] = verdict
        tests = tests_of(step)
        for test in tests:
            self.report(*test)
        if not tests or (verdict == "failed" and not any(test[0] == "failed" for test in tests)):
            self.report(verdict, time.monotonic() - started, step.name)
        lines = log_of(step).read_text(errors="replace").splitlines()
        if verdict == "skipped":
            self.show(line for line in lines if line.startswith("skipped: "))
        elif verdict == "failed":
            self.show(lines[-END_OF_LOG:])
        else:
            self.show(figures_of(step, lines))
        return []

    def report(self, verdict, seconds, name):
        self.count[verdict] += 1
        if verdict == "failed":
            self.failures.append(name)
        if name not in ("programs", "build") and not name.startswith("build-"):
            self.seconds.append((seconds, name))
        self.progress.say(f"{verdict:8}{seconds:8.1f} s  {name}")

    def show(self, lines):
        for line in lines:
            self.progress.say(f"                    {line}")

    def summarize(self):
        slowest = sorted(self.seconds, reverse=True)[:SLOWEST]
        if len(self.seconds) > SLOWEST:
            self.progress.say(f"the {SLOWEST} slowest:")
            for seconds, name in slowest:
                self.progress.say(f"        {seconds:8.1f} s  {name}")
        for name, end_of_log in self.second_runs.items():
            if name not in self.failures:
                self.progress.say(f"passed alone, but failed beside others: {name}")
                self.show(end_of_log)
        for name in self.failures:
            self.progress.say(f"failed: {name}")
        self.progress.say(", ".join(f"{self.count[verdict]} {verdict}" for verdict in ("passed", "failed", "skipped")))

    def stop(self):
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGTERM)
        for process in self.running:
            os.waitpid(process, 0)


class Progress:
    """Shows the progress of builds and unit tests: in the last line of a terminal, or else in a line now and then."""

    INTERVAL = 10  # seconds, if it is no terminal

    def __init__(self):
        self.is_terminal = sys.stdout.isatty()
        self.text = ""
        self.next = 0.0

    def say(self, line):
        """Prints a line that stays."""
        if self.is_terminal and self.text:
            print("\r\033[K", end="")
            self.text = ""
        print(line, flush=True)

    def show(self, steps):
        if time.monotonic() < self.next:
            return
        far = {step.name: how_far(step) for step in steps}
        names = [f"{name} {far[name]}".rstrip() for name in far if far[name] or self.is_terminal]
        text = ", ".join(names)
        if text == self.text:
            return
        if self.is_terminal:
            self.text = text
            print(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
        elif text:
            self.text = text
            print(f"                    {text}", flush=True)
        self.next = time.monotonic() + (0.2 if self.is_terminal else self.INTERVAL)


def how_far(step):
    """`n of m`, as ninja and ctest write it to their log; empty if the step does not say."""
    with open(log_of(step), "rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - 20_000))
        found = re.findall(rb"^(?:\[(\d+)/(\d+)\] | *(\d+)/(\d+) Test )", log.read(), re.MULTILINE)
    numbers = [number.decode() for number in found[-1] if number] if found else []
    return " of ".join(numbers)


def figures_of(step, lines):
    """The figures of a step that passed."""
    if step.name == "order":
        return lines
    return lines[:-1] if step.name.startswith("e2e/") and step.name not in RECORDED else []


def log_of(step):
    return LOGS / f"{step.name.replace('/', '-')}.log"


def tests_of(step):
    """A run of ctest, or of the programs of unit tests, counts as the tests in it."""
    if step.command is unit:
        return [case for report in sorted(LOGS.glob("unit-*.xml")) for case in unit_cases(report)]
    if not isinstance(step.command, list) or step.command[0] != "ctest":
        return []
    report = pathlib.Path(step.command[step.command.index("--output-junit") + 1])
    if not report.exists():
        return []
    verdicts = {"run": "passed", "fail": "failed", "notrun": "skipped", "disabled": "skipped"}
    cases = xml.etree.ElementTree.parse(report).iter("testcase")
    return [(verdicts[case.get("status")], float(case.get("time")), case.get("name")) for case in cases]


def unit_cases(report):
    """None, if the program ended before it had written its report."""
    try:
        cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    except (FileNotFoundError, xml.etree.ElementTree.ParseError):
        return []
    folder = ROOT / "tests/unit"
    return [
        ("passed" if case.find("failure") is None and case.find("error") is None else "failed", float(case.get("time")),
         f"{pathlib.Path(case.get('classname')).resolve().parent.relative_to(folder)}: {case.get('name')}")
        for case in cases
    ]  # fmt: skip


def chosen(table, only):
    """The step `only` and the steps it needs; any other name is taken as the beginning of unit tests' names."""
    by_name = {step.name: step for step in table}
    if only not in by_name and only.startswith(("e2e/", "build-")):
        sys.exit(f"scripts/test: there is no step {only}; scripts/test --list names them")
    found = [by_name.get(only) or Step(only, ctest("dev", "-R", f"^{re.escape(only)}"), needs="build")]
    while found[0].needs:
        found.insert(0, by_name[found[0].needs])
    return found


def print_list(table):
    for step in table:
        print(step.name + (" (--full)" if step.full else ""))
    if (ROOT / "build/dev/CTestTestfile.cmake").exists():
        subprocess.run(["ctest", "--preset", "dev", "-N"], cwd=ROOT, check=False)


def main():
    parser = argparse.ArgumentParser(prog="scripts/test", description="Builds and runs every test once.")
    parser.add_argument("--full", action="store_true", help="all builds, lint, fuzzing; scenarios repeat")
    parser.add_argument("--only", metavar="NAME", help="one step, or the unit tests whose names begin so")
    parser.add_argument("--list", action="store_true", help="the names, and the unit tests once they are built")
    options = parser.parse_args()
    table = steps(options)
    if options.list:
        print_list(table)
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    for report in [*LOGS.glob("ctest-*.xml"), *LOGS.glob("unit-*.xml")]:
        report.unlink()
    table = chosen(table, options.only) if options.only else [step for step in table if options.full or not step.full]
    running = Run(runs_again=not options.only)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, frame: sys.exit(128 + number))
    try:
        running.run_all(table)
    finally:
        running.stop()
    running.summarize()
    return 1 if running.count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
