"""version_test.py CMAKE: what cmake/version.cmake says, in clones with and without tags, and in unpacked tarballs."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GIT_NEUTRAL = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
GIT_NEUTRAL |= {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Tree:
    """A repository, or an unpacked tarball, of a project of version 0.2.0."""

    def __init__(self, folder, cmake):
        self.folder = pathlib.Path(folder)
        self.cmake = cmake
        (self.folder / "cmake").mkdir(parents=True)
        shutil.copy(ROOT / "cmake/version.cmake", self.folder / "cmake")
        (self.folder / "CMakeLists.txt").write_text("project(wg-dnsd VERSION 0.2.0 LANGUAGES CXX)\n", encoding="utf-8")

    def git(self, *words):
        command = ["git", "-C", str(self.folder), *words]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | GIT_NEUTRAL
        subprocess.run(command, check=True, capture_output=True, env=environment)

    def commit(self, count=1):
        for _ in range(count):
            self.git("commit", "--quiet", "--allow-empty", "--message", "one")

    def run(self, *words):
        command = [self.cmake, *words, "-P", str(self.folder / "cmake/version.cmake")]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def version(self):
        return self.run()


def expect(name, said, wanted):
    if not re.fullmatch(wanted, said):
        sys.exit(f"{name}: {said!r} is not {wanted}")
    print(f"{name}: {said}")


def check_repository(tree):
    expect("no .git", tree.version(), r"0\.2\.0\+unknown")
    tree.git("init", "--quiet")
    expect("no commit", tree.version(), r"0\.2\.0\+unknown")
    tree.git("add", "--all")
    tree.commit()
    expect("no tag", tree.version(), r"0\.2\.0\+unknown")
    tree.git("tag", "nightly")
    expect("a tag that is no version", tree.version(), r"0\.2\.0\+unknown")
    tree.git("tag", "v0.2.0")
    expect("at the tag", tree.version(), r"0\.2\.0")
    (tree.folder / "new").write_text("not tracked", encoding="utf-8")
    expect("a file that git does not track", tree.version(), r"0\.2\.0")
    with open(tree.folder / "CMakeLists.txt", "a", encoding="utf-8") as file:
        file.write("# changed\n")
    expect("at the tag, changed", tree.version(), r"0\.2\.0\+0\.g[0-9a-f]{7}\.dirty")
    tree.git("checkout", "--quiet", "CMakeLists.txt")
    tree.commit(14)
    expect("14 commits later", tree.version(), r"0\.2\.0\+14\.g[0-9a-f]{7}")
    tree.git("tag", "--annotate", "--message", "later", "v0.2.1")
    expect("an annotated tag", tree.version(), r"0\.2\.0")


def check_source(tree):
    """It is written only when it changes: else every build would link again."""
    source = tree.folder / "version.cpp"
    tree.run("-D", f"OUTPUT={source}")
    expect("version.cpp", source.read_text(encoding="utf-8").strip(), r'(?s).*base::version = "0\.2\.0\+unknown";')
    os.utime(source, (1, 1))
    tree.run("-D", f"OUTPUT={source}")
    expect("version.cpp is left alone", str(int(source.stat().st_mtime)), "1")


def main():
    (cmake,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        repository = Tree(f"{folder}/repository", cmake)
        check_repository(repository)
        tarball = Tree(f"{folder}/repository/tarball", cmake)
        expect("unpacked in a repository of others", tarball.version(), r"0\.2\.0\+unknown")
        check_source(tarball)
        (tarball.folder / "VERSION").write_text("0.2.0+14.gabc1234\n", encoding="utf-8")
        expect("with VERSION", tarball.version(), r"0\.2\.0\+14\.gabc1234")


main()
