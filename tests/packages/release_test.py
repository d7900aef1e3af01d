"""release_test.py: what scripts/release refuses, and what it makes of a tag. Its packages are empty files here."""

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
ENVIRONMENT |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
ENVIRONMENT |= {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
NO_PACKAGES = """#!/bin/sh
mkdir -p build/packages
for end in deb changes buildinfo; do echo "$2" > "build/packages/wg-dnsd_0.2.0_$2.$end"; done
"""


class Repository:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("cmake/version.cmake", "scripts/release"):
            (self.folder / name).parent.mkdir()
            shutil.copy(ROOT / name, self.folder / name)
        self.write("scripts/package", NO_PACKAGES)
        (self.folder / "scripts/package").chmod(0o755)
        self.write(".gitignore", "/build/\n/VERSION\n")
        self.write("CMakeLists.txt", "project(wg-dnsd VERSION 0.2.0 LANGUAGES CXX)\n")
        self.write("CHANGELOG.md", "# Changelog\n\n## 0.1.0 (2026-01-02)\n\n* The first.\n")
        self.run("git", "init", "--quiet")
        self.commit()

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, *words, check=True):
        return subprocess.run(words, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=check)

    def commit(self):
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "one")

    def release(self, *architectures):
        return self.run("scripts/release", *architectures, check=False)


def expect_refusal(repository, name, *words):
    done = repository.release()
    if done.returncode == 0 or any(word not in done.stderr for word in words):
        sys.exit(f"{name}: exit code {done.returncode}, {done.stderr!r} has not all of {words}")
    if (repository.folder / "build/releases").exists():
        sys.exit(f"{name}: refused, and yet something was made")
    print(f"{name}: {done.stderr.strip()}")


def check_refusals(repository):
    expect_refusal(repository, "no tag", "has no tag", "git tag v0.2.0")
    repository.run("git", "tag", "v0.3.0")
    expect_refusal(repository, "another version's tag", "0.2.0", "v0.3.0")
    repository.run("git", "tag", "v0.2.0")
    expect_refusal(repository, "two tags", "v0.2.0 and v0.3.0")
    repository.run("git", "tag", "--delete", "v0.3.0")
    expect_refusal(repository, "no notes", "CHANGELOG.md has no section", "0.2.0")
    repository.write("new", "")
    expect_refusal(repository, "a file that git does not know", "the tree is changed")
    (repository.folder / "new").unlink()
    text = (repository.folder / "CHANGELOG.md").read_text(encoding="utf-8")
    text = text.replace("## 0.1.0", "## 0.2.0 (unreleased)\n\n* The second.\n\n## 0.1.0")
    repository.write("CHANGELOG.md", text)
    expect_refusal(repository, "a changed file", "the tree is changed")
    repository.commit()
    repository.run("git", "tag", "--force", "v0.2.0")
    expect_refusal(repository, "not dated", "unreleased")
    repository.write("CHANGELOG.md", text.replace("unreleased", "2026-11-29"))
    repository.commit()
    repository.run("git", "tag", "--force", "v0.2.0")


def check_release(repository):
    done = repository.release("amd64", "arm64")
    if done.returncode != 0:
        sys.exit(f"the release: exit code {done.returncode}: {done.stderr}")
    folder = repository.folder / "build/releases/0.2.0"
    ends = [f"_{architecture}.{end}" for architecture in ("amd64", "arm64") for end in ("buildinfo", "changes", "deb")]
    wanted = {"NOTES.md", "SHA256SUMS", "wg-dnsd-0.2.0.tar.gz", *(f"wg-dnsd_0.2.0{end}" for end in ends)}
    made = {path.name for path in folder.iterdir()}
    if made != wanted:
        sys.exit(f"the release has {sorted(made)}, should have {sorted(wanted)}")
    subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=folder, check=True)
    listed = {line.split()[1] for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()}
    if listed != wanted - {"SHA256SUMS"}:
        sys.exit(f"SHA256SUMS has {sorted(listed)}")
    if (folder / "NOTES.md").read_text(encoding="utf-8") != "* The second.\n":
        sys.exit("NOTES.md is not the section of CHANGELOG.md")
    with tarfile.open(folder / "wg-dnsd-0.2.0.tar.gz") as tarball:
        version = tarball.extractfile("wg-dnsd-0.2.0/VERSION").read()
    if version.strip() != b"0.2.0":
        sys.exit(f"the tarball's VERSION is {version}")
    if "gpg" not in done.stdout or "sign" not in done.stdout:
        sys.exit("the release does not say how it is signed")
    first = (folder / "SHA256SUMS").read_text(encoding="utf-8")
    repository.release("amd64", "arm64")
    if (folder / "SHA256SUMS").read_text(encoding="utf-8") != first:
        sys.exit("a second release of the tag is another one")
    print(f"the release: {', '.join(sorted(made))}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(folder)
        check_refusals(repository)
        check_release(repository)


main()
