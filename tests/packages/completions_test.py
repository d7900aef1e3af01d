"""completions_test.py COMPLETIONS WG-DNSD WG-UPDATER: what bash and fish offer; zsh has the same words, and is only
parsed. A shell that is not installed is left out; exit code 77 without any."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

# The line up to the cursor, what has to be offered, and what must not be.
CASES = (
    ("wg-dnsd ", ("status", "peers", "zone"), ("--zone",)),
    ("wg-dnsd st", ("status",), ("peers", "--stale-after")),
    ("wg-dnsd --st", ("--stale-after", "--state-dir"), ("--zone", "status")),
    ("wg-dnsd --publish ", ("all", "listed"), ("status", "--zone")),
    ("wg-dnsd --log-level de", ("debug",), ("info",)),
    ("wg-dnsd peer ", ("add", "remove", "list", "reset", "config"), ("status",)),
    ("wg-dnsd --log-level debug zone --", ("--public", "--control"), ("--zone",)),
    ("wg-updater ", ("run", "status", "why", "ping", "log-level", "doctor"), ("--zone",)),
    ("wg-updater --relay ", ("fallback", "first", "never"), ("status", "--zone")),
    ("wg-updater status --check ", ("live", "ready"), ("--json",)),
    ("wg-updater wg0 --dry", ("--dry-run",), ("--once",)),
    ("wg-updater status wg0 --", ("--json", "--watch", "--filter"), ("--zone", "wg0")),
)

BASH = """
for file in "$1"/*.bash; do . "$file"; done
read -ra COMP_WORDS <<< "$2"
[[ $2 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"_${COMP_WORDS[0]//-/_}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'for file in $argv[1]/*.fish; source $file; end; complete -C "$argv[2]" | string split -f 1 \\t'
SHELLS = {"bash": ["bash", "-c", BASH, "bash"], "fish": ["fish", "--no-config", "-c", FISH]}


def main():
    with tempfile.TemporaryDirectory() as home:  # fish writes there
        return compare(home, *sys.argv[1:])


def compare(home, folder, *programs):
    path = os.pathsep.join([*(str(pathlib.Path(program).parent) for program in programs), os.environ["PATH"]])
    found = [shell for shell in SHELLS if shutil.which(shell)]
    wrong = []
    for shell in found:
        for line, offered, others in CASES:
            environment = {**os.environ, "PATH": path, "HOME": home}
            command = [*SHELLS[shell], folder, line]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            words = done.stdout.split()
            if not set(offered) <= set(words) or set(others) & set(words) or done.stderr:
                wrong.append(f"{shell}: {line!r} offers {words}, not {offered} and none of {others}: {done.stderr}")
    if shutil.which("zsh"):
        for file in sorted(pathlib.Path(folder).glob("*.zsh")):
            done = subprocess.run(["zsh", "-n", file], capture_output=True, text=True, check=False)
            wrong += [done.stderr] if done.returncode else []
    if not found:
        print("skipped: neither bash nor fish is installed")
        return 77
    print("\n".join(wrong) or f"{', '.join(found)}: {len(CASES)} lines each")
    return 1 if wrong else 0


sys.exit(main())
