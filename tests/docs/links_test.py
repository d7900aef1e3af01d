"""Checks that every relative link in the documents leads to a file of the repository, and every #anchor to a heading.
The paths in the tables of doc/rfc.md and in doc/architecture.md are checked, too, and so are the sections that sources
cite (doc/protocol.md §n)."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ("lib", "dnsd", "updater", "tests/unit")


def anchors(text):
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        if not file.exists():
            yield f"{document.relative_to(ROOT)}: {target}: no such file"
        elif anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
            yield f"{document.relative_to(ROOT)}: {target}: no such heading"


def missing_paths(document):
    for path in re.findall(r"`([a-z0-9_]+/[^`*]+)`", document.read_text(encoding="utf-8")):
        if not (ROOT / path).exists():
            yield f"{document.relative_to(ROOT)}: {path}: no such file"


def missing_sections():
    """Checks citations `doc/PAGE.md §n` in sources; more sections of the same page may follow, as in `§4.1, §4.2`."""
    for source in sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.[ch]pp")):
        text = re.sub(r"\n\s*///?\s*", " ", source.read_text(encoding="utf-8"))
        for page, sections in re.findall(r"(doc/[a-z-]+\.md)((?:,? (?:and )?§\d+(?:\.\d+)?)+)", text):
            headings = re.findall(r"^#+ ([\d.]+) ", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
            for section in re.findall(r"[\d.]*\d", sections):
                if section not in headings:
                    yield f"{source.relative_to(ROOT)}: {page} §{section}: no such section"


def main():
    documents = [*ROOT.glob("*.md"), *ROOT.glob("doc/*.md")]
    broken = [line for document in sorted(documents) for line in broken_links(document)]
    broken += missing_paths(ROOT / "doc/rfc.md")
    broken += missing_paths(ROOT / "doc/architecture.md")
    broken += missing_sections()
    print("\n".join(broken) or f"{len(documents)} documents")
    return 1 if broken or not documents else 0


sys.exit(main())
