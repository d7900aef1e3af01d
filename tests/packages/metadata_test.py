"""metadata_test.py CMAKE BUILD WG-DNSD WG-UPDATER: what packaging/debian says is true without building a package.

* It builds with what scripts/packages calls `build`.
* Every file of `cmake --install` is in a package, or named as not installed; every pattern finds a file.
* The configurations that the packages install lack the zone and nothing else.
"""

import fnmatch
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEBIAN = ROOT / "packaging/debian"
OF_DEBIAN_ALONE = {"debhelper-compat", "dh-sequence-installsysusers"}
ALWAYS_THERE = {"g++"}  # of build-essential, which Debian's builders have


def wrong_build_depends():
    control = (DEBIAN / "control").read_text(encoding="utf-8")
    listed = re.search(r"^Build-Depends:\n((?: .*\n)+)", control, re.MULTILINE)[1]
    debian = {line.split()[0].rstrip(",") for line in listed.splitlines()} - OF_DEBIAN_ALONE
    lines = (ROOT / "scripts/packages").read_text(encoding="utf-8").splitlines()
    build = {line.split()[1] for line in lines if line.startswith("build ")}
    different = sorted(debian ^ (build - ALWAYS_THERE))
    yield from (f"Build-Depends and scripts/packages differ in {name}" for name in different)


def wrong_lists(cmake, build):
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DESTDIR": folder}
        command = [cmake, "--install", build, "--prefix", "/usr"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        root = pathlib.Path(folder)
        files = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    left = set(files)
    for name in ("wg-dnsd.install", "wg-updater.install", "not-installed"):
        for line in (DEBIAN / name).read_text(encoding="utf-8").splitlines():
            pattern = line.split()[0]
            found = {file for file in files if fnmatch.fnmatch(file, pattern) or file.startswith(f"{pattern}/")}
            if not found:
                yield f"{name}: {pattern}: cmake --install makes no such file"
            left -= found
    yield from (f"no package has {file}" for file in sorted(left))


def wrong_configurations(dnsd, updater):
    for name, words in (("wg-dnsd", [dnsd]), ("wg-updater", [updater, "wg0"])):
        sample = (DEBIAN / f"{name}.yaml").read_text(encoding="utf-8")
        answers = {}
        for state, text in (("as installed", sample), ("with the zone", sample.replace("#zone:", "zone:")),
                            ("with everything", re.sub(r"^#(\w+:)", r"\1", sample, flags=re.MULTILINE))):  # fmt: skip
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(text)
                file.flush()
                command = [*words, "--config", file.name, "--check-config"]
                answers[state] = subprocess.run(command, capture_output=True, text=True, check=False)
        refused = {"as installed": "no zone is given"}
        if name == "wg-dnsd":
            refused["with the zone"] = "no source of peers is given"
        for state, answer in answers.items():
            why = refused.get(state, "")
            if answer.returncode != (2 if why else 0) or why not in answer.stderr:
                yield f"{name}.yaml {state}: {answer}"


def main():
    cmake, build, dnsd, updater = sys.argv[1:]
    wrong = [*wrong_build_depends(), *wrong_lists(cmake, build), *wrong_configurations(dnsd, updater)]
    print("\n".join(wrong) or "packaging/debian is right")
    return 1 if wrong else 0


sys.exit(main())
