"""completions_test.py COMPLETIONS WG-DNSD WG-UPDATER: what bash, zsh and fish offer.

A shell that is not installed is left out; exit code 77 without any."""

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
FISH = 'for file in $argv[1]/*.fish; source $file; end; complete -C "$argv[2]" | string split -f 1 \\t; true'
# zsh completes only in an interactive shell, so one runs in a terminal of its own. There the words that would be added
# are written to a file.
ZSH = """
zmodload zsh/zpty
mkdir -p $HOME/functions
rm -f $HOME/{ready,offered,finished}
for file in $1/*.zsh; do cp $file $HOME/functions/_${file:t:r}; done
cat > $HOME/.zshrc <<'END'
fpath=($HOME/functions $fpath)
autoload -U compinit && compinit -u
compadd() {
  local -a hits
  if [[ ${@[1,(i)-(|-)]} == *-[OAD]* ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A hits "$@"
  print -rl -- $hits >> $HOME/offered
}
finish() { : >> $HOME/finished }
comppostfuncs=(finish)
touch $HOME/ready
END
zpty shell zsh -i
wait_for() {
  for ((i = 0; i < 3000; i++)); do [[ -e $HOME/$1 ]] && return; zpty -r -t shell; sleep 0.01; done > /dev/null
  zpty -r -t shell >&2
  exit 1
}
wait_for ready
zpty -w -n shell "$2"$'\t'
wait_for finished
cat $HOME/offered 2> /dev/null
"""
SHELLS = {
    "bash": ["bash", "-c", BASH, "bash"],
    "zsh": ["zsh", "-f", "-c", ZSH, "zsh"],
    "fish": ["fish", "--no-config", "-c", FISH],
}


def main():
    with tempfile.TemporaryDirectory() as home:  # zsh and fish write there
        return compare(home, *sys.argv[1:])


def compare(home, folder, *programs):
    path = os.pathsep.join([*(str(pathlib.Path(program).parent) for program in programs), os.environ["PATH"]])
    found = [shell for shell in SHELLS if shutil.which(shell)]
    wrong = []
    for shell in found:
        for line, offered, others in CASES:
            environment = {**os.environ, "PATH": path, "HOME": home, "TERM": "vt100"}
            command = [*SHELLS[shell], folder, line]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            words = done.stdout.split()
            if not set(offered) <= set(words) or set(others) & set(words) or done.stderr or done.returncode:
                wrong.append(f"{shell}: {line!r} offers {words}, not {offered} and none of {others}: {done.stderr}")
    if not found:
        print("skipped: no shell is installed")
        return 77
    print("\n".join(wrong) or f"{', '.join(found)}: {len(CASES)} lines each")
    return 1 if wrong else 0


sys.exit(main())
