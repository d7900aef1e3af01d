#!/usr/bin/env python3
"""Every source is in a folder of the list below, and includes only files of its own folder or of one before it.

Also: a folder's libraries (CMakeLists.txt) follow the same order, and no source has more than 500 lines. Each fault is
printed as FILE:LINE, with the order that holds; the exit code is 1 then. `--figures` prints how large files, functions
and folders are, of any tree.
"""

import argparse
import collections
import dataclasses
import pathlib
import re
import subprocess
import sys

# The only place where the order is written. lib/ comes before both programs, which do not include each other. A folder
# that does not exist yet has its place already.
ORDER = {
    "lib": "base dns wg noise schema config control",
    "dnsd": "settings host peers registry state point observe zone sign answer transfer serve listen tunnel report control web",
    "updater": "settings plan lookup host tunnel peer report control",
}
LONGEST_FILE = 500  # lines
CPP = (".cpp", ".hpp")
PRODUCT = (*CPP, ".hpp.in", "CMakeLists.txt")  # all that a folder may hold
PROGRAMS = tuple(f"{program}/" for program in ORDER)

INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')


# ---- reading a tree


def tracked_files(root):
    """The files that git tracks, without removed ones and vendor/."""
    words = ["git", "-C", str(root), "ls-files"]
    names = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if not name.startswith("vendor/") and (root / name).is_file()]


def read_lines(path):
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def is_source(root, name):
    if name.endswith((*CPP, ".py", ".sh")):
        return True
    return pathlib.Path(name).suffix == "" and (root / name).read_bytes()[:2] == b"#!"


def folder_of(path):
    """(program, folder) of a file, or of the path in an include; the folder is "" for a file outside all folders.

    lib/dns/name.hpp is included as "dns/name.hpp", dnsd/zone/zone.hpp under its full path."""
    parts = path.split("/")
    if parts[0] in ("dnsd", "updater"):
        return parts[0], parts[1] if len(parts) > 2 else ""
    if parts[0] == "lib":
        parts = parts[1:]
    return "lib", parts[0] if len(parts) > 1 else ""


def includes(root, names):
    """(name, line, included path) of every include that is quoted, or leads into our folders."""
    for name in names:
        for number, line in enumerate(read_lines(root / name), 1):
            found = INCLUDE.match(line)
            if found and (found[1] == '"' or is_ours(root, found[2])):
                yield name, number, found[2]


def is_ours(root, path):
    """With <>: in one of the two folders where the compiler looks, or on the way there."""
    return ".." in path.split("/") or any((root / start / path).is_file() for start in ("", "lib"))


# ---- the rules


class Order:
    def __init__(self, folders):
        self.folders = {program: names.split() for program, names in folders.items()}

    def knows(self, place):
        program, folder = place
        return folder in self.folders[program] or (folder == "" and program != "lib")

    def rank(self, place):
        """Files directly in dnsd/ or updater/ come after all folders there."""
        program, folder = place
        return self.folders[program].index(folder) if folder else len(self.folders[program])

    def may_include(self, includer, included):
        if included[0] != includer[0]:
            return included[0] == "lib"
        return self.rank(included) <= self.rank(includer)

    def text(self, program):
        return f"{program}: {' '.join(self.folders[program])}" + ("" if program == "lib" else ", then what is in no folder")


def name_of(place):
    return "/".join(place).rstrip("/") + "/"


def wrong_folders(order, names):
    """Reports each folder that is not in the list, once."""
    told = set()
    for name in names:
        place = folder_of(name)
        if not order.knows(place) and place not in told:
            told.add(place)
            yield f"{name}:1: {name_of(place)} is not in the list of folders. {order.text(place[0])}"


def wrong_includes(order, found):
    for name, number, path in found:
        includer, included = folder_of(name), folder_of(path)
        if not order.knows(includer):
            continue  # its folder is named already
        if {".", ".."} & set(path.split("/")):
            yield f'{name}:{number}: "{path}" is not the plain path of a file. {order.text(includer[0])}'
        elif not order.knows(included):
            yield f'{name}:{number}: "{path}" begins with no folder of the list. {order.text(included[0])}'
        elif not order.may_include(includer, included):
            if includer[0] == included[0]:
                why = f"comes after {name_of(includer)}. {order.text(includer[0])}"
            else:
                why = f"is none of {includer[0]}/: lib/ comes first, and dnsd/ and updater/ know nothing of each other"
            yield f'{name}:{number}: "{path}": {name_of(included)} {why}'


def wrong_kinds(names):
    """Reports files that a source could include unseen."""
    for name in names:
        if name.startswith(PROGRAMS) and not name.endswith(PRODUCT):
            yield f"{name}:1: only {' '.join(PRODUCT)} are in the folders of programs"


def wrong_libraries(order, root, names):
    """Reports add_subdirectory in another order, a library of a later folder, and one that is added from elsewhere."""
    targets = {
        (name if program == "lib" else f"{program}_{name}"): (program, name)
        for program, folders in order.folders.items()
        for name in folders
    }
    last = {program: -1 for program in order.folders}
    for name in names:
        own = folder_of(name)
        for number, line in enumerate(read_lines(root / name), 1):
            for path in re.findall(r"^add_subdirectory\(([\w/]+)\)", line):
                path = f"{pathlib.Path(name).parent}/{path}/".removeprefix("./")
                place = folder_of(path)
                if not path.startswith(PROGRAMS) or place[1] == "":
                    continue
                if not order.knows(place) or order.rank(place) < last[place[0]]:
                    yield f"{name}:{number}: add_subdirectory of {path} is out of order. {order.text(place[0])}"
                else:
                    last[place[0]] = order.rank(place)
            for word in re.findall(r"target_link_libraries\(([\w-]+)", line):
                if word in targets and targets[word] != own:
                    yield f"{name}:{number}: the libraries of {word} are listed in {name_of(targets[word])}CMakeLists.txt"
            if own[1] == "" or not order.knows(own):
                continue
            for word in re.findall(r"\b\w+\b(?!\.)", line):
                if word in targets and not order.may_include(own, targets[word]):
                    yield f"{name}:{number}: {word} comes after {name_of(own)}. {order.text(targets[word][0])}"


def long_files(root, names):
    for name in names:
        length = len(read_lines(root / name))
        if length > LONGEST_FILE:
            yield f"{name}:{LONGEST_FILE + 1}: {length} lines, at most {LONGEST_FILE}"


def check(root):
    """Prints the faults, and what was checked. \\return the exit code"""
    order = Order(ORDER)
    tracked = tracked_files(root)
    product = product_files(tracked)
    sources = [name for name in tracked if is_source(root, name)]
    cmake = [name for name in tracked if re.fullmatch(r"((lib|dnsd|updater)/.*)?CMakeLists\.txt", name)]
    found = list(includes(root, product))
    wrong = [
        *wrong_kinds(tracked),
        *wrong_folders(order, product),
        *wrong_includes(order, found),
        *wrong_libraries(order, root, cmake),
        *long_files(root, sources),
    ]
    for line in wrong:
        print(line)
    folders = {folder_of(name) for name in product}
    print(
        f"{len(found)} includes in {len(product)} files of {len(folders)} folders, {len(sources)} sources: "
        + (f"{len(wrong)} wrong" if wrong else "all in order")
    )
    return 1 if wrong or not found else 0


def product_files(tracked):
    return [name for name in tracked if name.startswith(PROGRAMS) and name.endswith(CPP)]


# ---- figures


@dataclasses.dataclass
class Brace:
    """An open brace: where the statement before it began, or the line itself if the brace is among arguments."""

    column: int
    line: int
    head: str
    is_function: bool
    goes_on: bool  # the statement continues after the closing brace


def functions(lines):
    """(length, first line, text of its head) of each function that is not inside another one.

    Relies on the layout of clang-format: a body ends with the first line that begins with } in the column where its
    statement began."""
    open_braces = []
    head, head_line, head_column = "", 0, 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        column = len(line) - len(line.lstrip())
        if text.startswith("}"):
            head = ""
            while open_braces and open_braces[-1].column > column:
                open_braces.pop()
            if open_braces and open_braces[-1].column == column:
                closed = open_braces.pop()
                if closed.is_function and not any(outer.is_function for outer in open_braces):
                    yield number - closed.line + 1, closed.line, closed.head
                if closed.goes_on:
                    head, head_line, head_column = closed.head, closed.line, 0
            text = text.lstrip("}").strip()
        if not text or text.startswith(("#", "//")):
            continue
        if not head:
            head_line, head_column = number, column
        head = f"{head} {text}".strip()
        if text.endswith("{"):
            among_arguments = head.count("(") > head.count(")")
            open_braces.append(
                Brace(column, head_line, head, False, True)
                if among_arguments
                else Brace(head_column, head_line, head, is_function_head(head), False)
            )
            head = ""
        elif text.endswith((";", "}", ":")):
            head = ""


def is_function_head(head):
    declares_type = re.match(r"(template\b.*> )?(namespace|class|struct|enum|union|extern \"C\")\b", head)
    makes_value = re.search(r"(^|[^=!<>])=[^=].*\{$", head.split("(")[0] + "{")
    return "(" in head and not declares_type and not makes_value


def name_of_function(head):
    found = re.search(r"([~\w:]+(<[^<>]*>)?|operator\W+)\(", head)
    return found[1] if found else head


def print_figures(root):
    tracked = tracked_files(root)
    product = product_files(tracked)
    lines = {name: read_lines(root / name) for name in tracked if is_source(root, name)}
    print_largest(lines, product)
    print_longest(lines, product)
    print_folders(root, product)


def print_largest(lines, product):
    for title, names in (("of the programs", product), ("of all", lines)):
        name = max(names, key=lambda each: len(lines[each]))
        print(f"largest file {title}: {len(lines[name])} lines, {name}")


def print_longest(lines, product):
    """Option tables are data, so they are listed apart."""
    found = sorted(
        (length, f"{name_of_function(head)} at {name}:{first}", name.endswith("/options.cpp"))
        for name in product
        for length, first, head in functions(lines[name])
    )
    for title, wanted in (("longest function", False), ("longest option table", True)):
        chosen = [(length, where) for length, where, is_table in found if is_table == wanted]
        if chosen:
            print(f"{title}: {chosen[-1][0]} lines, {chosen[-1][1]}")
    long = [length for length, _, is_table in found if length > 50 and not is_table]
    print(f"functions over 50 lines: {len(long)} of {len(found)}, option tables apart")


def print_folders(root, product):
    """The number of files, and the folders that each folder includes, with the number of includes."""
    files = collections.Counter(folder_of(name) for name in product)
    pairs = collections.defaultdict(collections.Counter)
    for name, _, path in includes(root, product):
        pairs[folder_of(name)][folder_of(path)] += 1
    order = Order(ORDER)
    places = sorted(files, key=lambda place: (list(ORDER).index(place[0]), order.knows(place) and order.rank(place)))
    print(f"{len(places)} folders, {len(product)} files, {sum(sum(to.values()) for to in pairs.values())} includes")
    for place in places:
        rows = [f"{short_name(to)} {count}" for to, count in pairs[place].most_common() if to != place]
        print(f"{name_of(place):20}{files[place]:4} files  {pairs[place][place]:3} among themselves; {', '.join(rows)}")


def short_name(place):
    return place[1] if place[0] == "lib" else "/".join(place).rstrip("/")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", action="store_true", help="print sizes, and check nothing")
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    options = parser.parse_args()
    if not (options.root / ".git").exists():
        print("skipped: the list of files comes from git, and there is none here")
        return 77
    if options.figures:
        print_figures(options.root)
        return 0
    return check(options.root)


if __name__ == "__main__":
    sys.exit(main())
