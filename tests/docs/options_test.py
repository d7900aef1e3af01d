"""options_test.py WG-DNSD WG-UPDATER: --help, the manual pages and the documents agree about options.

* Every option of --help is in the program's manual page, and the other way round. A word of wg-dnsd.yaml(5) or
  wg-updater.yaml(5) counts as the option of that name.
* Every option that the documents give to a program is one of its options.
* No line of a help is longer than a terminal is wide.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])")

COLUMNS = 80
# Words of the files that are not options.
FILE_ONLY = {"peers"}
PEER_WORDS = {"name", "ignore", "endpoint-family", "keepalive", "lan-candidates"}
UPDATER_FILE_ONLY = {"peers", "interfaces"} | PEER_WORDS


def help_options(program, *command):
    """The options of the program and of all its commands."""
    text = subprocess.run([program, *command, "--help"], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        if len(line) > COLUMNS:
            sys.exit(f"{program} {' '.join(command)} --help: longer than {COLUMNS} columns: {line}")
    options = set(OPTION.findall(text))
    _, _, commands = text.partition("\nSubcommands:\n")
    for word in re.findall(r"^  ([a-z][a-z-]*)", commands, re.MULTILINE):
        options |= help_options(program, *command, word)
    return options


def manual_options(page):
    return set(re.findall(r"\bFl -([a-z][a-z-]*)", (ROOT / "doc" / page).read_text(encoding="utf-8")))


def yaml_words(page):
    return set(re.findall(r"^\.It Cm ([a-z-]+) :", (ROOT / "doc" / page).read_text(encoding="utf-8"), re.MULTILINE))


def command_lines(program):
    """(place, options) of each `program …` in the documents and set-ups, up to the end of the command."""
    files = [*ROOT.glob("*.md"), *ROOT.glob("doc/*.md"), *ROOT.glob("config/**/*"), *ROOT.glob("docker/*")]
    for file in sorted(path for path in files if path.is_file()):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if program == "wg-updater":
                line = line.replace("OPTIONS=", f"{program} ")
            for command in re.findall(rf"\b{program}(?:@\S*)?\b([^`|;#]*)", line):
                yield f"{file.relative_to(ROOT)}:{number}", set(OPTION.findall(command))


def compare(program, known, documented):
    for option in sorted(known - documented):
        yield f"{program}: --{option} is missing in the manual page"
    for option in sorted(documented - known):
        yield f"{program}: --{option} is in the manual page but not in --help"
    for place, options in command_lines(program):
        for option in sorted(options - known):
            yield f"{place}: {program} has no --{option}"


def main():
    dnsd, updater = sys.argv[1:]
    words = yaml_words("wg-dnsd.yaml.5.in")
    dnsd_documented = manual_options("wg-dnsd.8.in") | manual_options("wg-dnsd.yaml.5.in") | (words - FILE_ONLY)
    updater_words = yaml_words("wg-updater.yaml.5.in")
    updater_documented = manual_options("wg-updater.8.in") | (updater_words - UPDATER_FILE_ONLY)
    wrong = [
        *compare("wg-dnsd", help_options(dnsd), dnsd_documented),
        *compare("wg-updater", help_options(updater), updater_documented),
    ]
    print("\n".join(wrong) or "all options agree")
    return 1 if wrong or not words or not updater_words else 0


sys.exit(main())
