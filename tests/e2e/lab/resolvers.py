"""Real resolvers, run from build/servers, each with the settings of its makers (`default`) and with its strictest ones.
unbound and dnsmasq have one more kind: `minimum-ttl` keeps records for a minute. unbound also has `expired-first`: it
answers with an expired record, and fetches the new one for the next asker.

Each of them also gets, apart from the settings: the laboratory's root instead of the world's, with its trust anchor (a
DS record's data) if it is signed, and permission to ask servers in networks for documentation.
"""

import pathlib

from lab.addresses import PARENT, RESOLVERS, ROOT_SERVER, ROOT_SERVER6
from lab.checks import wait_until
from lab.containment import RUN
from lab.name_servers import SERVERS, wait_for_answer

ROOT_HINTS = f""". 3600 IN NS a.root-servers.example.
a.root-servers.example. 3600 IN A {ROOT_SERVER}
a.root-servers.example. 3600 IN AAAA {ROOT_SERVER6}
"""

LIBRARIES = next((SERVERS / "usr/lib").glob("*-linux-gnu"), None)


def start_resolver(node, name, settings="strict", trust_anchor=None):
    """One of RESOLVERS on its addresses, which the node must have; returns when it answers."""
    folder = RUN / f"{name}-{settings}"
    folder.mkdir(exist_ok=True)
    (folder / "root.hints").write_text(ROOT_HINTS)
    argv, configuration, env = STARTERS[name](folder, settings, trust_anchor, *RESOLVERS[name])
    (folder / "conf").write_text(configuration)
    process = node.start(*argv, name=folder.name, env=env)
    for address in RESOLVERS[name]:
        wait_for_answer(node, address, PARENT, "SOA")
    return process


def unbound(folder, settings, anchor, *addresses):
    strict = """
  qname-minimisation-strict: yes
  use-caps-for-id: yes
  harden-short-bufsize: yes
  harden-large-queries: yes
  harden-glue: yes
  harden-dnssec-stripped: yes
  harden-below-nxdomain: yes
  harden-referral-path: yes
  harden-algo-downgrade: yes
  deny-any: yes
  private-address: 10.0.0.0/8
  private-address: 172.16.0.0/12
  private-address: 192.168.0.0/16
  private-address: fd00::/8
"""
    expired_first = """
  serve-expired: yes
  serve-expired-client-timeout: 0
"""
    configuration = f"""server:
  interface: {addresses[0]}
  interface: {addresses[1]}
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  root-hints: "{folder}/root.hints"
{f'  trust-anchor: ". DS {anchor}"' if anchor else ""}
{strict if settings == "strict" else ""}
{"  cache-min-ttl: 60" if settings == "minimum-ttl" else ""}
{expired_first if settings == "expired-first" else ""}
remote-control:
  control-enable: no
"""
    return [SERVERS / "usr/sbin/unbound", "-d", "-c", folder / "conf"], configuration, None


def bind(folder, settings, anchor, *addresses):
    strict = """
  qname-minimization strict;
  check-names response fail;
  minimal-responses yes;
"""
    configuration = f"""options {{
  directory "{folder}";
  pid-file none;
  session-keyfile none;
  listen-on {{ {addresses[0]}; }};
  listen-on-v6 {{ {addresses[1]}; }};
  query-source address {addresses[0]};
  allow-query {{ any; }};
  allow-recursion {{ any; }};
  dnssec-validation {"yes" if anchor else "no"};
  empty-zones-enable no;
{strict if settings == "strict" else ""}
}};
controls {{ }};
{bind_anchor(*anchor.split()) if anchor else ""}
zone "." {{ type hint; file "root.hints"; }};
"""
    argv = [SERVERS / "usr/sbin/named", "-g", "-n", "1", "-c", folder / "conf"]
    return argv, configuration, {"LD_LIBRARY_PATH": str(LIBRARIES)}


def bind_anchor(tag, algorithm, kind, digest):
    return f'trust-anchors {{ "." static-ds {tag} {algorithm} {kind} "{digest}"; }};'


def kresd(folder, settings, anchor, *addresses):
    configuration = f"""
net.listen('{addresses[0]}', 53)
net.listen('{addresses[1]}', 53)
cache.open(10 * MB, 'lmdb://{folder}')
trust_anchors.remove('.')
{f"trust_anchors.add('. DS {anchor}')" if anchor else ""}
modules = {{ 'hints > iterate' }}
hints.root_file('{folder}/root.hints')
{"mode('strict') modules.load('rebinding < iterate')" if settings == "strict" else ""}
"""
    # It finds its modules only in this place.
    place = f"/usr/lib/{LIBRARIES.name}"
    overlay = f"mount -t overlay -o lowerdir={LIBRARIES}:{place} kresd {place}"
    argv = ["sh", "-c", f'{overlay} && exec "$@"', "kresd"]
    return argv + [SERVERS / "usr/sbin/kresd", "-n", "-c", folder / "conf", folder], configuration, None


def pdns(folder, settings, anchor, *addresses):
    strict = """
dnssec=validate
nothing-below-nxdomain=yes
qname-minimization=yes
extended-resolution-errors=yes
"""
    configuration = f"""
local-address={",".join(addresses)}
query-local-address=0.0.0.0, ::
allow-from=0.0.0.0/0, ::/0
socket-dir={folder}
hint-file={folder}/root.hints
lua-config-file={folder}/anchors.lua
dont-query=
security-poll-suffix=
threads=1
{strict if settings == "strict" else ""}
"""
    added = f"addTA('.', '{anchor}')\n" if anchor else ""
    (folder / "anchors.lua").write_text(f"clearTA()\n{added}")
    (folder / "recursor.conf").symlink_to("conf")
    argv = [SERVERS / "usr/sbin/pdns_recursor", f"--config-dir={folder}", "--daemon=no", "--write-pid=no"]
    return [*argv, "--disable-syslog=yes"], configuration, None


def dnsmasq(folder, settings, anchor, *addresses):
    """Forwards to unbound."""
    strict = """
domain-needed
bogus-priv
stop-dns-rebind
"""
    if anchor:
        strict += f"dnssec\ntrust-anchor=.,{','.join(anchor.split())}\n"
    configuration = f"""
listen-address={addresses[0]}
listen-address={addresses[1]}
bind-interfaces
no-resolv
no-hosts
user=root
pid-file=
server={RESOLVERS["unbound"][0]}
{strict if settings == "strict" else ""}
{"min-cache-ttl=60" if settings == "minimum-ttl" else ""}
"""
    return [SERVERS / "usr/sbin/dnsmasq", "-k", "-C", folder / "conf"], configuration, None


STARTERS = {"unbound": unbound, "bind": bind, "kresd": kresd, "pdns": pdns, "dnsmasq": dnsmasq}


# ---- systemd-resolved: a stub on 127.0.0.53 of one node, and a message bus to ask it through


class Resolved:
    """systemd-resolved and its bus on a node, asking one of RESOLVERS. One at a time: its place in /run is fixed."""

    def __init__(self, node, interface, settings, upstream, trust_anchor=None):
        self.node = node
        folder = RUN / f"resolved-{settings}"
        folder.mkdir()
        bus = folder / "bus"
        self.env = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
        (folder / "bus.conf").write_text(BUS.format(path=bus))
        strict = "DNSSEC=yes\nLLMNR=no\nMulticastDNS=no\n" if settings == "strict" else ""
        write("/run/systemd/resolved.conf.d/laboratory.conf", f"[Resolve]\nFallbackDNS=\n{strict}")
        if trust_anchor:
            write("/run/dnssec-trust-anchors.d/laboratory.positive", f". IN DS {trust_anchor}\n")
        # It runs as a user that only its package would have made.
        mounts = ""
        user = "systemd-resolve:x:65533:"
        for name, line in (("passwd", f"{user}65533::/:/bin/false"), ("group", user)):
            (folder / name).write_text(pathlib.Path("/etc", name).read_text() + line + "\n")
            mounts += f"mount --bind {folder}/{name} /etc/{name} && "
        as_user = ["sh", "-c", f'{mounts} exec "$@"', "sh"]
        words = ["dbus-daemon", "--nofork", "--nopidfile", f"--config-file={folder}/bus.conf"]
        self.bus = node.start(*as_user, *words, name=f"bus-{settings}")
        wait_until(bus.exists, "the message bus listens")
        words = [SERVERS / "lib/systemd/systemd-resolved"]
        self.process = node.start(*as_user, *words, name=folder.name, env=self.env)
        on_bus = lambda: node.run(*self.words("status"), check=False).returncode == 0
        wait_until(on_bus, "systemd-resolved is on the bus")
        # As its network would configure it. (Servers without a link, as in resolved.conf, are not asked for a service's
        # target.)
        self.resolvectl("dns", interface, *RESOLVERS[upstream])
        self.resolvectl("default-route", interface, "yes")
        wait_for_answer(node, "127.0.0.53", PARENT, "SOA")

    def resolvectl(self, *arguments):
        """The output of `resolvectl ARGUMENTS`."""
        return self.node.output(*self.words(*arguments))

    def words(self, *arguments):
        environment = [f"{name}={value}" for name, value in self.env.items()]
        return ["env", *environment, SERVERS / "usr/bin/resolvectl", "--legend=no", *arguments]

    def stop(self):
        for process in (self.process, self.bus):
            process.stop()


def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
