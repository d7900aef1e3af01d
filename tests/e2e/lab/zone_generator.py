"""Zone files at random, right ones, in every spelling that there is. The seed decides everything."""

import base64
import random

KINDS = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MB": 7, "PTR": 12, "HINFO": 13, "MINFO": 14, "MX": 15, "TXT": 16, "RP": 17,
         "AFSDB": 18, "X25": 19, "ISDN": 20, "RT": 21, "NSAP": 22, "PX": 26, "GPOS": 27, "AAAA": 28, "LOC": 29, "SRV": 33,
         "NAPTR": 35, "KX": 36, "CERT": 37, "APL": 42, "DS": 43, "SSHFP": 44, "IPSECKEY": 45, "DHCID": 49, "TLSA": 52,
         "SMIMEA": 53, "HIP": 55, "OPENPGPKEY": 61, "CSYNC": 62, "SVCB": 64, "HTTPS": 65, "SPF": 99, "NID": 104,
         "L32": 105, "L64": 106, "LP": 107, "EUI48": 108, "EUI64": 109, "URI": 256, "CAA": 257, "TYPE65280": 65280}  # fmt: skip
RARE = ("MB", "MINFO", "RP", "AFSDB", "X25", "ISDN", "RT", "NSAP", "PX", "GPOS", "KX", "APL", "IPSECKEY", "DHCID", "SMIMEA",
        "HIP", "OPENPGPKEY", "CSYNC", "SPF", "NID", "L32", "L64", "LP", "EUI48", "EUI64", "URI", "CERT")  # fmt: skip
COMMON = ("A", "AAAA", "MX", "TXT", "SRV", "PTR", "CAA", "NAPTR", "HINFO", "SSHFP", "TLSA", "LOC", "SVCB", "HTTPS", "TYPE65280")
SPECIAL = ("CLASS1", "relative origin", "quoted owner", "outside", "no TTL", "rare type", "carriage returns", "no last newline")
LABELS = ("a", "b", "c", "www", "mail", "x1", "_tcp", "long-label-with-hyphens", "9", "in", "mx", "300")

# Where a zone of a test begins that is written by hand.
HEAD = """$ORIGIN {zone}.
$TTL 300
@ SOA ns1 host 1 3600 600 604800 300
@ NS ns1
ns1 A 192.0.2.1
"""


class Zone:
    """A zone's files, below one folder, and what to ask about it."""

    def __init__(self, name):
        self.name = name  # without the dot at its end
        self.files = {}  # by name; f"{name}.zone" is the zone itself
        self.questions = set()  # (labels below the apex, number of a type)
        self.special = None  # the one thing in it that not every server reads
        self.kinds = set()  # what is special, for the table of differences

    @property
    def main(self):
        return f"{self.name}.zone"

    def write(self, folder):
        for name, content in self.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)

    def wire_questions(self):
        apex = to_wire(self.name.split("."))
        return [(to_wire(labels)[:-1] + apex, kind) for labels, kind in sorted(self.questions)]


def to_wire(labels):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in labels) + b"\0"


class Data:
    """The data of one record, as words."""

    def __init__(self, dice, write_name):
        self.dice = dice
        self.name = write_name  # a name of the zone or outside, as a word

    def number(self, bits):
        return str(self.dice.choice((0, 1, self.dice.getrandbits(bits), (1 << bits) - 1)))

    def hex(self, octets):
        text = self.dice.randbytes(octets).hex()
        return self.dice.choice((text, text.upper()))

    def split(self, text):
        """One word or several."""
        if self.dice.random() < 0.3 and len(text) > 8:
            at = 2 * self.dice.randrange(1, len(text) // 2)  # Knot reads only whole octets in a word
            return [text[:at], text[at:]]
        return [text]

    def base64(self, octets):
        return self.split(base64.b64encode(self.dice.randbytes(octets)).decode())

    def string(self):
        text = "".join(self.dice.choice("abcXYZ019-_.:/+*'@#%&<>[]{}|~,!?^=") for _ in range(self.dice.randrange(1, 30)))
        form = self.dice.randrange(4)
        plain = text.replace("=", "-").replace(".", "-")  # NSD: no dots in plain words
        if form == 0:
            return plain if plain != "@" else "at"  # NSD: the origin is no string
        if form == 1:
            return f'"{text}; ( ) $ and blanks"'
        if form == 2:
            return f'"{text}\\"\\\\\\{self.dice.randrange(256):03}"'
        return plain + f"\\{self.dice.randrange(256):03}\\;\\("

    def make(self, kind):
        return getattr(self, "make_" + kind.lower())()

    def make_a(self):
        return [f"192.0.2.{self.dice.randrange(256)}"]

    def make_aaaa(self):
        return [self.dice.choice((f"2001:db8::{self.dice.randrange(65536):x}", "::", "::1", "2001:DB8:0:0:0:0:0:1",
                                  "::ffff:192.0.2.1"))]  # fmt: skip

    def make_mx(self):
        return [self.number(16), self.name()]

    make_kx = make_rt = make_afsdb = make_lp = make_mx

    def make_txt(self):
        return [self.string() for _ in range(self.dice.randrange(1, 4))]

    make_spf = make_txt

    def make_srv(self):
        return [self.number(16), self.number(16), self.number(16), self.name()]

    def make_ptr(self):
        return [self.name()]

    make_mb = make_ptr

    def make_minfo(self):
        return [self.name(), self.name()]

    make_rp = make_minfo

    def make_px(self):
        return [self.number(16), self.name(), self.name()]

    def make_caa(self):
        return [self.dice.choice(("0", "128", "1")), self.dice.choice(("issue", "issuewild", "iodef", "tbs")), self.string()]

    def make_naptr(self):
        return [self.number(16), self.number(16), self.dice.choice(('"U"', "s", '""')), self.dice.choice(('"E2U+sip"', "SIP+D2T")),
                self.dice.choice(('"!^.*$!sip:a@example.com!"', '""')), self.name()]  # fmt: skip

    def make_hinfo(self):
        return [f'"{self.dice.choice("abc")}.; ("', self.dice.choice(("PDP-11", '"a b"'))]  # NSD: no dots in plain ones

    def make_sshfp(self):
        kind, size = self.dice.choice(((1, 20), (2, 32)))
        return [self.dice.choice("1234"), str(kind), *self.split(self.hex(size))]

    def make_tlsa(self):
        kind, size = self.dice.choice(((0, 9), (1, 32), (2, 64)))
        return [self.dice.choice("0123"), self.dice.choice("01"), str(kind), *self.split(self.hex(size))]

    make_smimea = make_tlsa

    def make_ds(self):
        kind, size = self.dice.choice(((1, 20), (2, 32), (4, 48)))
        return [self.number(16), self.dice.choice(("8", "13", "15", "ECDSAP256SHA256")), str(kind), *self.split(self.hex(size))]

    def make_loc(self):
        words = [str(self.dice.randrange(90))]
        if self.dice.random() < 0.7:
            words.append(str(self.dice.randrange(60)))
            if self.dice.random() < 0.7:
                words.append(f"{self.dice.randrange(60)}.{self.dice.randrange(1000):03}")
        words.append(self.dice.choice("NS"))
        words += [str(self.dice.randrange(180)), self.dice.choice("EW")]
        words.append(self.dice.choice(("0m", "-24m", "10", "1000.50m", "-100000.00m")))
        words += ["30m", "10000m", "10m"][: self.dice.randrange(4)]
        return words

    def make_svcb(self):
        if self.dice.random() < 0.2:
            return ["0", self.name()]
        parameters = self.dice.sample(
            ("alpn=h2", 'alpn="h2,h3"', "port=8443", "ipv4hint=192.0.2.1", "ipv4hint=192.0.2.1,192.0.2.2",
             "ipv6hint=2001:db8::1", "ech=AAAEAQIDBA==", "key65333=ex1", 'key65400="a b"', "key65401", 'alpn="f\\\\\\\\oo\\\\,bar,h2"'),
            self.dice.randrange(4),
        )  # fmt: skip
        by_key = {parameter.split("=")[0]: parameter for parameter in parameters}
        if "alpn" in by_key and self.dice.random() < 0.3:
            by_key["no-default-alpn"] = "no-default-alpn"
        if by_key.keys() - {"no-default-alpn"} and self.dice.random() < 0.3:
            by_key["mandatory"] = f"mandatory={self.dice.choice(sorted(by_key.keys() - {'no-default-alpn'}))}"
        words = list(by_key.values())
        self.dice.shuffle(words)
        return [self.dice.choice(("1", "16", "65535")), self.dice.choice((self.name(), ".")), *words]

    make_https = make_svcb

    def make_type65280(self):
        octets = self.dice.randrange(20)
        return ["\\#", str(octets), *(self.split(self.hex(octets)) if octets else [])]

    def make_x25(self):
        return [self.dice.choice(("311061700956", '"311061700956"'))]

    def make_isdn(self):
        return ["150862028003217", "004"][: self.dice.randrange(1, 3)]

    def make_nsap(self):
        return ["0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00"]

    def make_gpos(self):
        return ["-32.6882", "116.8652", "10.0"]

    def make_apl(self):
        return self.dice.sample(("1:192.0.2.0/24", "!1:192.0.2.64/28", "2:2001:db8::/32", "1:0.0.0.0/0", "!2:::/0"),
                                self.dice.randrange(1, 4))  # fmt: skip

    def make_ipseckey(self):
        kind, gateway = self.dice.choice((("0", "."), ("1", "192.0.2.38"), ("2", "2001:db8::1"), ("3", self.name())))
        return ["10", kind, "2", gateway, *self.base64(24)]

    def make_dhcid(self):
        return self.base64(35)

    def make_hip(self):
        return ["2", self.hex(16), base64.b64encode(self.dice.randbytes(30)).decode(), *([self.name()] if self.dice.random() < 0.5 else [])]

    def make_openpgpkey(self):
        return self.base64(60)

    def make_csync(self):
        return [self.number(32), self.dice.choice("0123"), *self.dice.sample(("A", "NS", "AAAA", "MX"), 2)]

    def make_nid(self):
        return [self.number(16), "0014:4fff:ff20:ee64"]

    make_l64 = make_nid

    def make_l32(self):
        return [self.number(16), "10.1.2.0"]

    def make_eui48(self):
        return ["00-00-5e-00-53-2a"]

    def make_eui64(self):
        return ["00-00-5e-ef-10-00-00-2a"]

    def make_uri(self):
        return [self.number(16), self.number(16), '"ftp://ftp1.example.com/public"']

    def make_cert(self):
        return [self.dice.choice(("PKIX", "1", "3")), self.number(16), self.dice.choice(("8", "RSASHA256")), *self.base64(40)]


class Writer:
    """Writes records, each in a spelling of its own."""

    TTLS = {"0": 0, "60": 60, "300": 300, "3600": 3600, "1h": 3600, "1D2h": 93600, "2m30S": 150, "1w": 604800}

    def __init__(self, zone, dice):
        self.zone = zone
        self.dice = dice
        self.lines = []
        self.origin = ()  # labels below the apex
        self.owner = None  # of the line before
        self.default_ttl = None
        self.ttls = {}  # of an RRset
        self.targets = []  # names of the zone
        self.data = Data(dice, self.write_target)

    def apex(self):
        return tuple(self.zone.name.split("."))

    def write_label(self, label):
        text = "".join(f"\\{c}" if c in '."();\\@$' else c for c in label)
        chance = self.dice.random()
        if chance < 0.05 and label.isalpha():
            return f"\\{ord(label[0]):03}" + label[1:]
        if chance < 0.1:
            return text.upper()
        return text

    def write_name(self, labels):
        """Labels below the apex, as a word."""
        whole = tuple(labels) + self.apex()
        origin = self.origin + self.apex()
        if whole == origin and self.dice.random() < 0.8:
            return "@"
        if whole != origin and whole[-len(origin) :] == origin and self.dice.random() < 0.8:
            return ".".join(map(self.write_label, whole[: -len(origin)]))
        return ".".join(map(self.write_label, whole)) + "."

    def write_origin(self, labels):
        if self.zone.special == "relative origin":
            return self.write_name(labels)
        return ".".join((*labels, self.zone.name, ""))

    def write_target(self):
        if self.targets and self.dice.random() < 0.6:
            return self.write_name(self.dice.choice(self.targets))
        return self.dice.choice(("host.example.net.", self.write_name((self.dice.choice(LABELS),))))

    def blank(self):
        return self.dice.choice((" ", "  ", "\t", " \t "))

    def join(self, words):
        """The words in one line, or in several that parentheses hold together."""
        if self.dice.random() < 0.15:
            at = self.dice.randrange(len(words))
            inner = words[at:]
            text = "".join(word + self.blank() for word in words[:at]) + "("
            for word in inner:
                text += self.dice.choice((" ", "\n\t", " ; a ) comment\n ", "\n\n  ")) + word
            return text + self.dice.choice((" )", "\n)", "\n )", ")"))
        return self.blank().join(words)

    def record(self, labels, kind, words=None, ask=True, is_generic=False):
        labels = tuple(labels)
        words = words if words is not None else self.data.make(kind)
        first = ""
        if labels != self.owner or self.dice.random() < 0.6:
            first = self.write_name(labels)
            if self.zone.special == "quoted owner" and first.isalnum():  # for NSD a dot there is one of the label
                first = f'"{first}"'
        self.owner = labels
        head = []
        ttl = self.ttls.get((labels, kind))
        if ttl is None and self.default_ttl is not None and self.dice.random() < 0.7:
            self.ttls[labels, kind] = self.default_ttl
        else:
            text = self.dice.choice([text for text, value in self.TTLS.items() if ttl in (None, value)] or [str(ttl)])
            self.ttls[labels, kind] = self.TTLS.get(text, ttl)
            head.append(text)
        if self.dice.random() < 0.4:
            head.insert(self.dice.randrange(len(head) + 1), "CLASS1" if self.zone.special == "CLASS1" else self.dice.choice(("IN", "in")))
        word = kind if self.dice.random() < 0.9 else kind.lower()
        if kind in KINDS and self.dice.random() < 0.03:
            word = f"TYPE{KINDS[kind]}"
        line = first + self.blank() + "".join(one + self.blank() for one in head) + word + self.blank() + self.join(words or [""])
        if self.dice.random() < 0.1:
            line += self.dice.choice((" ; a comment", ";comment \" ( "))
        self.lines.append(line)
        if ask:
            self.zone.questions.add((labels, KINDS[kind]))
            self.zone.questions.add((labels, 1))
            if labels and self.dice.random() < 0.5:
                self.zone.questions |= {((self.dice.choice(("nx", "*", "q.q")), *labels), 16), (labels[1:], 28)}

    def directive(self):
        chance = self.dice.random()
        if chance < 0.4:
            labels = self.dice.choice(((), (self.dice.choice(LABELS),), ("sub", self.dice.choice(LABELS))))
            word = self.write_origin(labels)
            self.origin = tuple(labels)
            self.lines.append(f"{self.dice.choice(('$ORIGIN', '$origin'))}{self.blank()}{word}")
        elif chance < 0.7 and self.default_ttl is not None:
            text = self.dice.choice(list(self.TTLS))
            self.default_ttl = self.TTLS[text]
            self.lines.append(f"{self.dice.choice(('$TTL', '$ttl'))} {text}")
        elif chance < 0.8:
            self.lines.append(self.dice.choice(("", "; a comment", "   ", "\t; $TTL 5")))

    def text(self, is_included=False):
        newline = "\r\n" if self.zone.special == "carriage returns" else "\n"
        text = "\n".join(self.lines)
        if is_included or self.zone.special != "no last newline":  # BIND goes on in the next file otherwise
            text += "\n"
        return text.replace("\n", newline).encode("latin-1")


def make_zone(name, seed, is_special=True):
    """A zone that is right. is_special: one thing in it may be such that not every server reads it."""
    dice = random.Random(seed)
    zone = Zone(name)
    zone.special = dice.choice((*SPECIAL, *[None] * 12)) if is_special else None
    if zone.special:
        zone.kinds.add(zone.special)
    writer = Writer(zone, dice)
    chance = dice.random
    if chance() < 0.3:
        writer.lines.append(f"$ORIGIN {name}.")
    if zone.special != "no TTL":
        text = dice.choice(list(writer.TTLS))
        writer.default_ttl = writer.TTLS[text]
        writer.lines.append(f"$TTL {text}")
    minimum = dice.choice(("0", "60", "1h", "86400"))
    writer.record((), "SOA", [writer.write_name(("ns1",)), writer.write_name(("host.master",)), str(dice.randrange(1 << 32)),
                              "1h", "600", "1w", minimum])  # fmt: skip
    writer.record((), "NS", [writer.write_name(("ns1",))])
    writer.record(("ns1",), "A", ["192.0.2.1"])
    writer.targets = [(), ("ns1",)]

    plain = [(dice.choice(LABELS),) for _ in range(4)] + [(dice.choice(LABELS), "sub", dice.choice(LABELS))]
    plain += [("*", dice.choice(LABELS))] if chance() < 0.4 else []
    plain += [("odd.label",), ("semi;colon",), ("at@",)] if chance() < 0.2 else []
    writer.targets += plain
    kinds = COMMON
    if zone.special == "rare type":
        rare = dice.choice(RARE)
        kinds = (*COMMON[:4], rare)
        zone.kinds.add(rare)
    for _ in range(dice.randrange(4, 18)):
        writer.directive()
        owner = dice.choice((*plain, ()))
        kind = dice.choice(kinds)
        words = writer.data.make(kind)
        writer.record(owner, kind, words)
        if chance() < 0.05:
            writer.record(owner, kind, words)
            zone.kinds.add("duplicate")
    if chance() < 0.5:
        add_aliases(writer)
    if chance() < 0.4:
        add_delegation(writer)
    if zone.special == "outside":
        writer.lines.append(f"{dice.choice(LABELS)}.example.net. 60 IN A 192.0.2.1")
        writer.owner = None
    if chance() < 0.2:
        add_included(writer)
    for _ in range(3):
        zone.questions.add((("nx", dice.choice(LABELS)), 1))
    zone.questions |= {((), 2), ((), 6), ((), 16), (("sub", dice.choice(LABELS)), 16)}
    zone.files[zone.main] = writer.text()
    return zone


def add_aliases(writer):
    dice = writer.dice
    length = dice.choice((1, 1, 2, 5))
    end = dice.choice(([("ns1",), ("nowhere",), ("nx", "nowhere")] + writer.targets))
    if dice.random() < 0.2:
        end = ("c0",)  # a loop
    chain = [(f"c{i}",) for i in range(length)] + [end]
    order = list(range(length))
    dice.shuffle(order)
    for i in order:
        writer.record(chain[i], "CNAME", [writer.write_name(chain[i + 1])])
        writer.zone.questions.add((chain[i], 16))
    if dice.random() < 0.3:
        writer.record(("*", "wild"), "CNAME", [dice.choice(("host.example.net.", writer.write_name(end)))])
        writer.zone.questions |= {(("q", "wild"), 1), (("q", "wild"), 5), (("wild",), 1)}


def add_delegation(writer):
    dice = writer.dice
    cut = (dice.choice(("d1", "d2")),)
    for i in range(dice.randrange(1, 3)):
        host = (f"ns{i}", *cut)
        writer.record(cut, "NS", [writer.write_name(host)])
        writer.record(host, "A")
        if dice.random() < 0.4:
            writer.record(host, "AAAA")
    if dice.random() < 0.4:
        writer.record(cut, "DS")
    if dice.random() < 0.3:  # hidden by the delegation
        kind = dice.choice(("TXT", "MX", "CNAME"))
        owner = ("below", *cut)
        writer.record(owner, kind, [writer.write_name(("ns1",))] if kind == "CNAME" else None)
    writer.zone.questions |= {(("q", *cut), 1), (cut, 43), (cut, 16), (cut, 6)}


def add_included(writer):
    """Some records in a file of their own; origin and owner come back behind it."""
    zone, dice = writer.zone, writer.dice
    name = f"{zone.name}.included"
    inner = Writer(zone, dice)
    inner.default_ttl, inner.ttls, inner.targets = writer.default_ttl, writer.ttls, writer.targets
    inner.origin = writer.origin
    words = ["$INCLUDE", name]
    if dice.random() < 0.5:
        inner.origin = (dice.choice(LABELS),)
        words.append(writer.write_origin(inner.origin))
    for _ in range(dice.randrange(1, 4)):
        inner.record((dice.choice(LABELS),), dice.choice(COMMON))
        if dice.random() < 0.3:
            inner.origin = ("deeper", *inner.origin)
            inner.lines.append(f"$ORIGIN {inner.write_origin(inner.origin)}")
    zone.files[name] = inner.text(is_included=True)
    writer.lines.append(" ".join(words))
    if writer.owner is not None and not writer.ttls.keys() & {(writer.owner, "CNAME"), (writer.owner, "TXT")}:
        writer.lines.append(" 60 TXT behind")
        zone.questions.add((writer.owner, 16))
    writer.record(("last",), "A")
