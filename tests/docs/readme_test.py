"""readme_test.py WG-DNSD WG-UPDATER: the programs accept what a newcomer copies from the README."""

import base64
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
USAGE = 2  # the exit code of both programs for wrong words


def block_after(heading):
    """The first code block behind a text, without its indentation."""
    lines = README[README.index(heading):].splitlines()[1:]
    code = []
    for line in lines:
        if line.startswith("    "):
            code.append(line[4:])
        elif code and line:
            break
        elif code:
            code.append("")
    return "\n".join(code) + "\n"


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)


def expect(name, result, *texts):
    said = result.stdout + result.stderr
    missing = [text for text in texts if text not in said]
    if result.returncode != 0 or missing:
        sys.exit(f"{name}: exit code {result.returncode}, missing {missing} in:\n{said}")
    print(f"{name}: accepted")


def main():
    dnsd, updater = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        yaml = pathlib.Path(folder, "wg-dnsd.yaml")
        yaml.write_text(block_after("`/etc/wg-dnsd/wg-dnsd.yaml`:").split("\n\n")[0] + "\n", encoding="utf-8")
        expect("wg-dnsd.yaml", run(dnsd, "--config", yaml, "--check-config"), "203.0.113.10:51820", "name: bob")
        expect("delegation", run(dnsd, "--config", yaml, "--print-delegation"), "ns1.wg.example.org.", "203.0.113.10")
        zone = ROOT / "zones/wg.example.org.zone"
        words = ["--config", yaml, "--zone-file", zone, "--print-delegation"]
        expect("zones/wg.example.org.zone", run(dnsd, *words), "203.0.113.10", "2001:db8::10")

    options = re.search(r"^    OPTIONS=(.*)$", README, re.MULTILINE)[1].split()
    result = run(updater, "no-such-device", *options, "--dry-run")
    if result.returncode == USAGE:
        sys.exit(f"wg0.env: {result.stderr}")
    print("wg0.env: accepted")

    key, label = re.search(r"label (\S{44})\).*\n.* 198-51-100-7\.([a-z2-7]{52})\.", README).groups()
    if base64.b32encode(base64.b64decode(key)).decode().rstrip("=").lower() != label:
        sys.exit(f"{label} is not the label of {key}")
    print("label: right")


main()
