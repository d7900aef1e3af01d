"""order_test.py finds every kind of fault: each rule is broken once, in a small tree."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("order_test.py")

# In order: the smallest tree that contains something for every rule.
TREE = {
    "CMakeLists.txt": "add_subdirectory(lib/base)\nadd_subdirectory(lib/dns)\nadd_subdirectory(dnsd)\nadd_subdirectory(doc)\n",
    "lib/base/log.hpp": "#pragma once\n",
    "lib/dns/name.hpp": '#include "base/log.hpp"\n',
    "lib/dns/CMakeLists.txt": "add_folder(\n  dns\n  SOURCES name.cpp\n  PUBLIC base)\n",
    "dnsd/CMakeLists.txt": "add_subdirectory(zone)\nadd_subdirectory(answer)\n",
    "dnsd/daemon.cpp": '#include "dnsd/answer/policy.hpp"\n#include <vector>\n',
    "dnsd/zone/zone.hpp": '#include "dns/name.hpp"\n',
    "dnsd/zone/CMakeLists.txt": "add_folder(\n  dnsd_zone\n  SOURCES zone.cpp\n  PUBLIC base dns)\n",
    "dnsd/answer/policy.hpp": '#include "dnsd/zone/zone.hpp"\n',
    "updater/plan/plan.hpp": '#include "base/log.hpp"\n',
    "tests/wire/process.py": '"""Starts it."""\n',
    "scripts/test": "#!/bin/bash\n",
}


class Rules(unittest.TestCase):
    def run_over(self, changes):
        """(exit code, lines) for TREE with these changes."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {**TREE, **changes}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            subprocess.run(["git", "init", "--quiet", folder], check=True)
            subprocess.run(["git", "-C", folder, "add", "."], check=True)
            done = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True)
            self.assertEqual(done.stderr, "")
            return done.returncode, done.stdout.splitlines()

    def assert_finds(self, changes, *beginnings):
        code, lines = self.run_over(changes)
        self.assertEqual(code, 1, lines)
        self.assertEqual(len(lines), len(beginnings) + 1, lines)
        for line, beginning in zip(lines, beginnings):
            self.assertTrue(line.startswith(beginning), line)
        return lines

    def test_a_tree_in_order_passes(self):
        code, lines = self.run_over({})
        self.assertEqual((code, lines), (0, ["5 includes in 6 files of 6 folders, 8 sources: all in order"]))

    def test_a_folder_includes_one_that_comes_later(self):
        lines = self.assert_finds(
            {"dnsd/zone/zone.hpp": '#pragma once\n#  include "dnsd/answer/policy.hpp"\n'},
            'dnsd/zone/zone.hpp:2: "dnsd/answer/policy.hpp": dnsd/answer/ comes after dnsd/zone/. dnsd: settings host ',
        )
        self.assertIn(" zone sign answer transfer serve ", lines[0])

    def test_lib_has_an_order_too(self):
        self.assert_finds(
            {"lib/base/log.hpp": '#include "dns/name.hpp"\n'},
            'lib/base/log.hpp:1: "dns/name.hpp": lib/dns/ comes after lib/base/. lib: base dns wg noise ',
        )

    def test_a_folder_includes_what_is_in_no_folder(self):
        self.assert_finds(
            {"dnsd/zone/zone.hpp": '#include "dnsd/daemon.hpp"\n'},
            'dnsd/zone/zone.hpp:1: "dnsd/daemon.hpp": dnsd/ comes after dnsd/zone/. dnsd: ',
        )

    def test_one_program_includes_the_other(self):
        self.assert_finds(
            {
                "updater/plan/plan.hpp": '#include "dnsd/zone/zone.hpp"\n',
                "dnsd/daemon.cpp": '#include "updater/plan/plan.hpp"\n',
            },
            'dnsd/daemon.cpp:1: "updater/plan/plan.hpp": updater/plan/ is none of dnsd/',
            'updater/plan/plan.hpp:1: "dnsd/zone/zone.hpp": dnsd/zone/ is none of updater/',
        )

    def test_lib_includes_a_program(self):
        self.assert_finds(
            {"lib/dns/name.hpp": '#include "dnsd/zone/zone.hpp"\n'},
            'lib/dns/name.hpp:1: "dnsd/zone/zone.hpp": dnsd/zone/ is none of lib/',
        )

    def test_a_folder_is_not_in_the_list(self):
        for name in ("dnsd/cellar/wine.cpp", "updater/zone/zone.cpp", "lib/cellar/wine.hpp"):
            folder = name.rpartition("/")[0]
            self.assert_finds({name: '#include "base/log.hpp"\n'}, f"{name}:1: {folder}/ is not in the list of folders. ")

    def test_an_include_names_no_folder(self):
        self.assert_finds(
            {"dnsd/zone/zone.hpp": '#include "name.hpp"\n#include "cellar/wine.hpp"\n'},
            'dnsd/zone/zone.hpp:1: "name.hpp" begins with no folder of the list. ',
            'dnsd/zone/zone.hpp:2: "cellar/wine.hpp" begins with no folder of the list. ',
        )

    def test_an_include_is_written_another_way(self):
        for text, path in (
            ("#include <dnsd/answer/policy.hpp>", "dnsd/answer/policy.hpp"),
            ('#include"dnsd/answer/policy.hpp"', "dnsd/answer/policy.hpp"),
            ('#  include "dnsd/answer/policy.hpp"', "dnsd/answer/policy.hpp"),
        ):
            self.assert_finds(
                {"dnsd/zone/zone.hpp": text + "\n"},
                f'dnsd/zone/zone.hpp:1: "{path}": dnsd/answer/ comes after dnsd/zone/. ',
            )
        for text in ('"dnsd/zone/../answer/policy.hpp"', "<dnsd/zone/../answer/policy.hpp>", '"./zone.hpp"'):
            self.assert_finds(
                {"dnsd/zone/zone.hpp": f"#include {text}\n"},
                f'dnsd/zone/zone.hpp:1: "{text[1:-1]}" is not the plain path of a file. ',
            )
        self.assert_finds(
            {"lib/dns/name.hpp": "#include <dnsd/zone/zone.hpp>\n"},
            'lib/dns/name.hpp:1: "dnsd/zone/zone.hpp": dnsd/zone/ is none of lib/',
        )

    def test_a_file_is_of_another_kind(self):
        for name in ("dnsd/zone/table.inc", "lib/base/log.h"):
            self.assert_finds({name: '#include "dnsd/answer/policy.hpp"\n'}, f"{name}:1: only .cpp .hpp ")

    def test_a_folder_is_linked_from_elsewhere(self):
        text = "add_subdirectory(zone)\nadd_subdirectory(answer)\ntarget_link_libraries(dnsd_zone PUBLIC dnsd_answer)\n"
        self.assert_finds(
            {"dnsd/CMakeLists.txt": text},
            "dnsd/CMakeLists.txt:3: the libraries of dnsd_zone are listed in dnsd/zone/CMakeLists.txt",
        )

    def test_cmake_has_another_order(self):
        self.assert_finds(
            {"dnsd/CMakeLists.txt": "add_subdirectory(answer)\nadd_subdirectory(zone)\n"},
            "dnsd/CMakeLists.txt:2: add_subdirectory of dnsd/zone/ is out of order. dnsd: ",
        )

    def test_a_folder_links_one_that_comes_later(self):
        self.assert_finds(
            {"dnsd/zone/CMakeLists.txt": "add_folder(\n  dnsd_zone\n  SOURCES zone.cpp\n  PUBLIC base dnsd_answer)\n"},
            "dnsd/zone/CMakeLists.txt:4: dnsd_answer comes after dnsd/zone/. dnsd: ",
        )
        self.assert_finds(
            {"lib/dns/CMakeLists.txt": "add_folder(\n  dns\n  PRIVATE updater_plan)\n"},
            "lib/dns/CMakeLists.txt:3: updater_plan comes after lib/dns/. updater: ",
        )

    def test_a_source_is_too_long(self):
        for name in ("dnsd/zone/zone.cpp", "tests/wire/process.py", "tests/wire/probe.sh"):
            self.assert_finds({name: "\n" * 501}, f"{name}:501: 501 lines, at most 500")
        self.assert_finds({"scripts/test": "#!/bin/sh\n" * 501}, "scripts/test:501: 501 lines, at most 500")

    def test_other_files_may_be_long(self):
        long = "x\n" * 501
        code, _ = self.run_over({"dnsd/zone/zone.cpp": "\n" * 500, "doc/long.md": long, "vendor/other.cpp": long})
        self.assertEqual(code, 0)


if __name__ == "__main__":
    unittest.main()
