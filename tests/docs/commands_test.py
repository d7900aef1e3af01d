"""commands_test.py WG-DNSD WG-UPDATER: each command of both programs has a help, and answers a slip with what was meant.

For each command that the helps list:

* `help COMMAND` is `COMMAND --help`, and says what the command is for.
* Its name with two letters changed over ends with 2, nothing on standard output, and names the command.
* An option of it with two letters changed over names the option; an option like no other names the help.
* One that asks the daemon says which socket nobody answers on, and ends with 2.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

USAGE = 2
# What they need beside their words, so that nothing but the daemon is missing.
WORDS = {
    ("peer", "add"): ["alice", "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="],
    ("peer", "rename"): ["alice", "bob"],
    **{("peer", word): ["alice"] for word in ("new", "config", "remove", "reset")},
    ("query",): ["wg.example.org", "SRV"],
    ("why",): ["alice"],
    ("ping",): ["alice"],
}
# Those that need no daemon.
ALONE = {("run",), ("doctor",)}


def run(*words):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)


def commands_of(program, *above):
    """Every command below, the longest chains only: (`peer`, `add`)."""
    text = run(program, *above, "--help").stdout
    _, _, listed = text.partition("\nSubcommands:\n")
    words = re.findall(r"^  ([a-z][a-z-]*)", listed, re.MULTILINE)
    for word in words:
        yield from commands_of(program, *above, word)
    if above and not words:
        yield above


def slip(word):
    """Two letters in the middle changed over, or the last one twice where they are the same."""
    middle = len(word) // 2
    changed = word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]
    return changed if changed != word else word + word[-1]


def mistakes_of(program, command, folder):
    """What is wrong with one command."""
    name = pathlib.Path(program).name
    told, asked = run(program, "help", *command), run(program, *command, "--help")
    if (told.returncode, told.stderr, told.stdout) != (0, "", asked.stdout):
        yield f"help {' '.join(command)} is not {' '.join(command)} --help: {told}"
    if not re.match(rf"\S.*\nUsage: {name} {' '.join(command)}\b", told.stdout):
        yield f"help {' '.join(command)} begins with no description and usage: {told.stdout[:200]}"

    options = re.findall(r"^  (?:-\w,)?(--[a-z][a-z-]+)", told.stdout, re.MULTILINE)
    option = next((one for one in options if one not in ("--help", "--version")), "--zone")  # `run` takes all above
    slips = [
        # An interface might have that name, so wg-updater says `wg-updater COMMAND`.
        ([*command[:-1], slip(command[-1])], rf"; did you mean (`{name} {command[-1]}`|{command[-1]})\?\n"),
        ([*command, "--" + slip(option[2:])], rf"; did you mean {option}\?\n"),
        ([*command, "--elephant"], rf"\n`{name} {' '.join(command)} --help` lists what there is\n"),
    ]
    for words, meant in slips:
        done = run(program, *words)
        is_right = done.returncode == USAGE and not done.stdout and re.search(meant, done.stderr)
        if not is_right or not re.fullmatch(rf"{name}: .*\n(`{name}.*\n)?", done.stderr):
            yield f"{' '.join(words)}: not {meant!r}: {done}"

    if command in ALONE:
        return
    socket = folder / "nobody.sock"
    done = run(program, *command, *WORDS.get(command, []), "--control", socket)
    if done.returncode != USAGE or done.stdout or str(socket) not in done.stderr or len(done.stderr.splitlines()) != 1:
        yield f"{' '.join(command)} without a daemon: {done}"


def main():
    wrong, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for program in sys.argv[1:]:
            for command in commands_of(program):
                count += 1
                wrong += [f"{program}: {mistake}" for mistake in mistakes_of(program, command, pathlib.Path(folder))]
    print("\n".join(wrong) or f"{count} commands")
    return 1 if wrong or not count else 0


sys.exit(main())
