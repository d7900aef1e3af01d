"""install_test.py CMAKE BUILD: runs `cmake --install` into an empty folder, and checks the files there."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

FILES = {
    "usr/sbin/wg-dnsd",
    "usr/sbin/wg-updater",
    "usr/lib/systemd/system/wg-dnsd.service",
    "usr/lib/systemd/system/wg-dnsd.socket",
    "usr/lib/systemd/system/wg-updater@.service",
    "usr/lib/sysusers.d/wg-dnsd.conf",
    "usr/lib/tmpfiles.d/wg-dnsd.conf",
    "usr/share/bash-completion/completions/wg-dnsd",
    "usr/share/bash-completion/completions/wg-updater",
    "usr/share/fish/vendor_completions.d/wg-dnsd.fish",
    "usr/share/fish/vendor_completions.d/wg-updater.fish",
    "usr/share/zsh/vendor-completions/_wg-dnsd",
    "usr/share/zsh/vendor-completions/_wg-updater",
    "usr/share/man/man5/wg-dnsd.yaml.5",
    "usr/share/man/man5/wg-updater.yaml.5",
    "usr/share/man/man8/wg-dnsd.8",
    "usr/share/man/man8/wg-updater.8",
    "usr/share/doc/wg-dnsd/README.md",
    "usr/share/doc/wg-dnsd/CHANGELOG.md",
    "usr/share/doc/wg-dnsd/CONTRIBUTING.md",
    "usr/share/doc/wg-dnsd/LICENSE",
    "usr/share/doc/wg-dnsd/examples/wg-dnsd.yaml",
    "usr/share/doc/wg-dnsd/examples/wg-updater.yaml",
    "usr/share/doc/wg-dnsd/examples/zones/wg.example.org.zone",
}


def expected_files():
    documents = {f"usr/share/doc/wg-dnsd/doc/{path.name}" for end in ("md", "svg") for path in ROOT.glob(f"doc/*.{end}")}
    recorded = {f"usr/share/doc/wg-dnsd/doc/{name}.txt" for name in ("demo", "new-network")}
    examples = ROOT / "config/examples"
    samples = {f"usr/share/doc/wg-dnsd/examples/{path.relative_to(examples)}" for path in examples.rglob("*") if path.is_file()}
    zones = {f"usr/share/doc/wg-dnsd/examples/zones/{path.name}" for path in ROOT.glob("zones/*.zone")}
    return FILES | documents | recorded | samples | zones


def installed_files(cmake, build, root):
    subprocess.run(
        [cmake, "--install", build, "--prefix", "/usr"],
        env={**os.environ, "DESTDIR": str(root)}, check=True, stdout=subprocess.DEVNULL,
    )
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def check_contents(root):
    version = re.search(r"^project\(.* VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)[1]
    for page in root.glob("usr/share/man/*/*"):
        if version not in page.read_text(encoding="utf-8"):
            yield f"{page.name} does not say version {version}"
    for unit in root.glob("usr/lib/systemd/system/*.service"):
        program = re.search(r"^ExecStart=(\S+)", unit.read_text(encoding="utf-8"), re.MULTILINE)[1]
        if not os.access(root / program.lstrip("/"), os.X_OK):
            yield f"{unit.name} starts {program}, which is not installed"
    for file in root.rglob("*"):
        if file.is_file() and b"@CMAKE" in file.read_bytes() and file.suffix in {".service", ".conf"}:
            yield f"{file.name} has an unreplaced word"


def main():
    cmake, build = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        installed = installed_files(cmake, build, root)
        expected = expected_files()
        wrong = [f"missing: {name}" for name in sorted(expected - installed)]
        wrong += [f"not expected: {name}" for name in sorted(installed - expected)]
        wrong += check_contents(root)
    print("\n".join(wrong) or f"{len(installed)} files")
    return 1 if wrong else 0


sys.exit(main())
