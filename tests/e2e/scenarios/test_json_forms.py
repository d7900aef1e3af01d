#!/usr/bin/python3
"""json_forms: doc/json.md lists the members of every JSON that the programs print: all of them, and no other.

The programs are asked in a scene in which every list has something in it: two peers whose packets the point passes on, a
third one that two machines are, one that only a file knows. The table of each form, its example, and what the programs
say are compared, with the types. `--keep DIR` leaves the page with new examples in DIR/json.md.
"""

import json
import re

from lab import lab
from lab.addresses import RESOLVERS, TUNNEL, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.node import Pings
from lab.wireguard import KEEPALIVE, WireGuard, generate_private_keys, public_key_of

PAGE = lab.ROOT / "doc/json.md"
SECTION = re.compile(r"^## `(.+?)`\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```json\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|", re.MULTILINE)
MEMBER = re.compile(r"[a-z][a-z0-9_]*")
COLUMNS = 118
TURNS = 20  # of two machines with one key


# ---- forms, as {path of a member: types}


def type_of(value):
    names = {type(None): "null", bool: "bool", str: "text", list: "list", dict: "object"}
    return names.get(type(value), "number")


def members(value, path=""):
    """Pairs (path, type) of everything in an object: `peers[].name` is a member of each object of a list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            check(MEMBER.fullmatch(name), f"{path}{name} is not words with _ between them")
            yield f"{path}{name}", type_of(inner)
            yield from members(inner, f"{path}{name}.")
    if isinstance(value, list):
        for inner in value:
            yield from members(inner, f"{path.removesuffix('.')}[].")


def merge(values):
    found = {}
    for value in values:
        for path, kind in members(value):
            found.setdefault(path, set()).add(kind)
    return found


def compare(where, seen, listed, is_whole):
    """\\param is_whole whether everything that is listed has to be there."""
    for path, kinds in seen.items():
        check(path in listed, f"{where}: {path} is not in the table")
        check(kinds <= listed[path], f"{where}: {path} is {kinds}, in the table {listed[path]}")
    missing = [path for path in listed if path not in seen and (is_whole or not is_inner(path))]
    check(not missing, f"{where}: {missing} are in the table only")


def is_inner(path):
    return "." in path or "[" in path


# ---- the page


def write(value, indent=0):
    """JSON in lines of at most COLUMNS."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= COLUMNS or not isinstance(value, (dict, list)):
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [f"{json.dumps(name)}: " + write(one, indent + 4 + len(name)) for name, one in value.items()]
        lines = [line if len(line) + indent + 2 <= COLUMNS else f"{json.dumps(name)}: " + write(one, indent + 2)
                 for line, (name, one) in zip(lines, value.items())]  # fmt: skip
        return "{\n" + ",\n".join(inner + line for line in lines) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(inner + write(one, indent + 2) for one in value) + "\n" + " " * indent + "]"


def check_page(forms):
    text = PAGE.read_text(encoding="utf-8")
    sections = dict(SECTION.findall(text))
    common = {path: set(kinds.split(" or ")) for path, kinds in ROW.findall(text.partition("\n## ")[0])}
    for name, objects in forms.items():
        longest = max(objects, key=lambda one: len(json.dumps(one)))
        example = f"```json\n{write(longest)}\n```\n"
        section = sections.get(name, "")
        text = text.replace(section, EXAMPLE.sub(lambda _: example, section, count=1)) if section else text
    (RUN / "json.md").write_text(text)
    check(set(sections) == set(forms), f"forms of the page {set(sections)}, of the programs {set(forms)}")
    for name, objects in forms.items():
        listed = common | {path: set(kinds.split(" or ")) for path, kinds in ROW.findall(sections[name])}
        compare(name, merge(objects), listed, is_whole=True)
        shown = EXAMPLE.search(sections[name])
        check(shown, f"{name}: no example")
        compare(f"{name}, the example", merge([json.loads(shown[1])]), listed, is_whole=False)
        print(f"{name}: {len(listed)} members, as on the page")


# ---- the scene


def use_key_twice(world, point):
    """Another machine has carol's key, and both begin sessions in turn, until the point notices."""
    key = world.devices["carol"].public_key
    first = point.endpoint_of(key)
    twin = add_twin(world, point, world.devices["carol"].private_key)
    wait_until(lambda: point.endpoint_of(key) != first, "the point sees the other machine")

    def is_noticed():
        return json.loads(point.ask("status", "--json"))["odd_peers"]

    for turn in range(TURNS):
        if is_noticed():
            break
        device = (world.devices["carol"], twin)[turn % 2]
        before = point.endpoint_of(key)
        device.set("peer", point.public_key, "remove")
        device.node.run("wg", "addconf", device.name, RUN / f"{device.name}.peer")
        wait_until(lambda: point.endpoint_of(key) != before or is_noticed(), "the point follows the key")
    check(is_noticed(), "a key of two machines is not noticed")


def add_twin(world, point, private_key):
    home = world.home("carol-too", "cone", public=("198.51.100.77", "2001:db8:77"))
    twin = WireGuard(home.node, "wg-twin", private_key, addresses=[f"{TUNNEL['carol']}/32"])
    twin.add_peer(point.public_key, f"{TUNNEL['host']}/32", point.endpoint, KEEPALIVE)
    return twin


def make_scene(world):
    """The point, with a peer of every kind; and alice's updater."""
    world.home("carol", "cone")
    world.prepare("symmetric", "symmetric", source="point")
    world.host.use_resolvers((RESOLVERS["unbound"][0],))
    point = world.devices["host"]
    unseen = public_key_of(generate_private_keys(1)[0])
    point.add_peer(unseen, "10.77.0.99/32", endpoint="192.0.2.99:51820")
    point.ask("reload")
    alice, bob = world.devices["alice"], world.devices["bob"]
    for device, other in ((alice, bob), (bob, alice)):
        device.set("peer", other.public_key, "endpoint", point.endpoint)
    Pings(world.homes["alice"].node, TUNNEL["bob"]).wait_for_reply()
    use_key_twice(world, point)
    world.start_updater("alice")
    wait_until(lambda: point.report(alice.public_key)["ways"], "alice tells her ways")
    return point, unseen


def lines_of(world, node, program, *words):
    done = node.run(world.program(program), *words, check=False, timeout=120)
    check(done.stdout, f"{program} {words}: {done.returncode} {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def scenario(world):
    point, unseen = make_scene(world)
    control = ("--control", point.folder / "control")
    alice = world.homes["alice"].node

    def server(*words):
        return lines_of(world, world.host, "wg-dnsd", *words, "--json", *control)

    def updater(*words):
        return lines_of(world, alice, "wg-updater", *words, "--json")

    names = (world.service_name("alice"), unseen, f"nobody.{ZONE}")
    check_page({
        "wg-dnsd status --json": server("status"),
        "wg-dnsd peers --json": server("peers"),
        "wg-dnsd peer list --json": server("peer", "list"),
        "wg-dnsd query NAME --json": [form for name in names for form in server("query", name)],
        "wg-dnsd doctor --json": server("doctor"),
        "wg-updater status --json": updater("status"),
        "wg-updater doctor --json": updater("doctor"),
    })  # fmt: skip


if __name__ == "__main__":
    lab.main(scenario)
