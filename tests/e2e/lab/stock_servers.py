"""The three stock servers that wg-dnsd is compared with. Each serves one zone file with the fewest records it can."""

from lab.addresses import ZONE
from lab.containment import RUN
from lab.name_servers import SERVERS, start_nsd, wait_for_answer

# Their identity; wg-dnsd gets the same one.
IDENTITY, VERSION = "rules", "a server"
LIBRARIES = next((SERVERS / "usr/lib").glob("*-linux-gnu"), None)


def start_knot(node, name, text, address):
    folder = RUN / f"knot-{name}"
    folder.mkdir()
    (folder / "zone").write_text(text)
    (folder / "knot.conf").write_text(
        f"""server:
  rundir: "{folder}"
  user: root
  identity: "{IDENTITY}"
  version: "{VERSION}"
  listen: {address}@53
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: info
database:
  storage: "{folder}"
zone:
  - domain: "{ZONE}"
    storage: "{folder}"
    file: zone
    zonefile-sync: -1
    journal-content: none
"""
    )
    process = node.start(
        SERVERS / "usr/sbin/knotd", "-c", folder / "knot.conf", name=f"knot-{name}",
        env={"LD_LIBRARY_PATH": str(LIBRARIES)},
    )  # fmt: skip
    wait_for_answer(node, address, ZONE, "SOA")
    return process


def start_bind_primary(node, name, text, address):
    folder = RUN / f"named-{name}"
    folder.mkdir()
    (folder / "zone").write_text(text)
    (folder / "named.conf").write_text(
        f"""options {{
  directory "{folder}";
  pid-file none;
  session-keyfile none;
  listen-on {{ {address}; }};
  listen-on-v6 {{ none; }};
  server-id "{IDENTITY}";
  version "{VERSION}";
  recursion no;
  minimal-responses yes;
  minimal-any yes;
  notify no;
  dnssec-validation no;
  allow-transfer {{ none; }};
}};
controls {{ }};
zone "{ZONE}" {{ type primary; file "zone"; check-names ignore; }};
"""
    )
    process = node.start(
        SERVERS / "usr/sbin/named", "-g", "-n", "1", "-c", folder / "named.conf",
        name=f"named-{name}", env={"LD_LIBRARY_PATH": str(LIBRARIES)},
    )  # fmt: skip
    wait_for_answer(node, address, ZONE, "SOA")
    return process


def start_nsd_primary(node, name, text, address):
    more = f'  identity: "{IDENTITY}"\n  version: "{VERSION}"\n  minimal-responses: yes\n'
    return start_nsd(node, name, {ZONE: text}, [address], more=more)


STOCK = {"NSD": start_nsd_primary, "Knot": start_knot, "BIND": start_bind_primary}
