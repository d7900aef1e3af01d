"""What the README tells a newcomer to do, as steps that a test can do."""

import base64
import collections
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPT = re.compile(r"^    (public|alice|bob|source)\$ (.*)$")

# A command at a prompt, with the lines that are shown below it; or a file and its lines. `where`: README.md:LINE.
Command = collections.namedtuple("Command", "where who line lines")
File = collections.namedtuple("File", "where who path lines")


def steps(text):
    """Every command and every file of the README, in its order."""
    lines = text.splitlines()
    found = []
    path = taking = None  # the file that the paragraph before names; what the lines of this block belong to
    who = ()
    paragraph = ""
    for number, line in enumerate(lines, 1):
        where = f"README.md:{number}"
        prompt = PROMPT.match(line)
        if prompt:
            taking = Command(where, prompt[1], re.sub(r"\s+#.*$", "", prompt[2]), [])
            found.append(taking)
            path = None
        elif line.startswith("    "):
            if path:
                taking = File(where, who, path, [])
                found.append(taking)
                path = None
            if taking:
                taking.lines.append(line[4:])
        elif line:
            taking = None
            paragraph = line if not lines[number - 2] else f"{paragraph} {line}"
            named = re.match(r"^(?:alice's )?`(/etc/[^`]+)`", paragraph)
            path = named[1] if named else None
            who = ("alice", "bob") if "wg-updater" in paragraph or paragraph.startswith("alice's") else ("public",)
        elif isinstance(taking, File):
            taking.lines.append("")
    return found


def label(key):
    return base64.b32encode(base64.b64decode(key)).decode().rstrip("=").lower()


class Names:
    """The keys of the README, and those of this run in their place."""

    def __init__(self, text, keys):
        """\\param keys who → (private key, public key); the public host's is learned"""
        shown = dict(zip(("alice", "bob"), re.findall(r"^ *public-key: (\S{44})$", text, re.MULTILINE)))
        shown["public"] = re.search(r"--hub (\S{44})", text)[1]
        self.shown = shown
        self.keys = dict(keys)
        self.changes = {}
        for who in keys:
            self.change(who)

    def learn(self, who, public_key):
        """A key that was made on the way."""
        self.keys[who] = (None, public_key)
        self.change(who)

    def change(self, who):
        old, new = self.shown[who], self.keys[who][1]
        self.changes[old] = new
        self.changes[label(old)] = label(new)

    def put(self, text, who):
        """The text of a file of `who`, or a command. The file of alice, mirrored, is bob's."""
        for old, new in self.changes.items():
            text = text.replace(old, new)
        if who == "bob":
            alice, bob = self.keys["alice"][1], self.keys["bob"][1]
            text = text.replace(bob, alice).replace("10.0.0.3", "10.0.0.9").replace("10.0.0.2", "10.0.0.3")
            text = text.replace("10.0.0.9", "10.0.0.2")
        return re.sub(r"<of [a-z ]+>", lambda _: self.keys[who][0], text)

    def pattern(self, shown):
        """What a shown line stands for: the same words and addresses, with the keys of this run, and any other numbers."""
        tokens = []
        for old, new in self.changes.items():
            while old in shown:
                shown = shown.replace(old, "\0" + chr(ord("A") + len(tokens)) + "\0", 1)
                tokens.append(new)
        pattern = r"\s+".join(re.escape(word) for word in shown.split())
        numbers = r"\d+(?:\\\.\d+){3}|\d+"
        pattern = re.sub(numbers, lambda found: found[0] if "." in found[0] else r"\d+", pattern)
        for place, new in enumerate(tokens):
            pattern = pattern.replace(re.escape("\0") + chr(ord("A") + place) + re.escape("\0"), re.escape(new))
        return pattern


def other_commands():
    """(where, command) of every command in doc/ and in the manual pages, and of the README's for a firewall."""
    prompts = {".md": r"    [a-z]*[$#] (.*)", ".in": r"(?:\.Dl |# |\.Dl # )(.*)"}
    pages = [ROOT / "README.md", *sorted([*ROOT.glob("doc/*.md"), *ROOT.glob("doc/*.in")])]
    for page in pages:
        prompt = r"    ((?:nft|ufw) .*)" if page.name == "README.md" else prompts[page.suffix]
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            found = re.match(prompt, line)
            if found:
                yield f"{page.relative_to(ROOT)}:{number}", found[1].removeprefix("# ")
