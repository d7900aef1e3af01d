"""Zone files with one mistake each, and right ones that are changed at random. The seed decides everything."""

import random
import re

from lab.zone_generator import HEAD, Zone

# Data that no record has, by type.
WRONG_DATA = {
    "A": ("", "192.0.2", "192.0.2.256", "192.0.2.1 x", "1.2.3.4.5", "::1", "a", "-1.2.3.4"),
    "AAAA": ("", "192.0.2.1", "2001:db8", ":::", "1:2:3:4:5:6:7:8:9", "g::1", "::1 ::2"),
    "NS": ("", "a b", "a..b", "."+"a" * 64 + "."),
    "CNAME": ("", "a b", "a..b", "a" * 64),
    "PTR": ("", "a b", ".a"),
    "MX": ("", "1 $a", "1 a.$b", "1 @.a", "1 a.@", "10", "ns1", "65536 ns1", "-1 ns1", "x ns1", "10 ns1 x", "10 a..b"),
    "SRV": ("", "0 0 1", "0 0 70000 ns1", "0 65536 1 ns1", "65536 0 1 ns1", "0 0 x ns1", "0 0 1 ns1 x", "0 0 -1 ns1"),
    "SOA": ("", "ns1 host 1 2 3 4", "ns1 host 1 2 3 4 5 6", "ns1 host x 2 3 4 5", "ns1 host 4294967296 2 3 4 5", "ns1 host 1 2x 3 4 5"),
    "TXT": ("", '"open', "a" * 256, '"' + "b" * 256 + '"', '"\\256"', "\\999", '"a" "b', "\\"),
    "HINFO": ('"a" "b" "c"', "", "a" * 256 + " b"),
    "CAA": ("", "0 issue", "256 issue a", "-1 issue a", "x issue a", '0 is"sue a', "0 issue a b"),
    "NAPTR": ("", "1 2 u s r", "65536 2 u s r .", "1 65536 u s r .", "x 2 u s r .", "1 2 u s r . x"),
    "SSHFP": ("", "1 1", "1 1 0", "1 1 xx", "256 1 " + "00" * 20, "1 256 " + "00" * 20, "1 1 " + "00" * 19 + "0"),
    "TLSA": ("", "3 1 1", "256 1 0 00", "3 256 0 00", "3 1 256 00", "3 1 0 0", "3 1 0 xx"),
    "DS": ("", "1 8 2", "1 8 2 ABC", "65536 8 2 " + "00" * 32, "1 256 2 " + "00" * 32, "1 8 256 " + "00" * 32,
           "1 8 2 " + "00" * 31, "1 8 1 " + "00" * 32, "1 8 4 " + "00" * 32, "1 nosuch 2 " + "00" * 32, "1 8 2 " + "zz" * 32),
    "LOC": ("", "99 N 200 W 10", "91 N 0 E 0m", "0 N 181 E 0m", "0 60 N 0 E 0m", "0 0 60 N 0 E 0m", "0 X 0 E 0m", "0 N 0 E",
            "0 N 0 E xm", "0 N 0 E 0m 1m 1m 1m 1m", "0 N 0 N 0m", "N 0 E 0m", "0 N 0 E 42849673m", "0 N 0 E -100001m"),
    "SVCB": ("", "1", "65536 .", "x .", "1 . port=65536", "1 . port=x", "1 . port", "1 . alpn=", "1 . nosuch=1", "1 . port=1 port=2",
             "1 . ipv4hint=::1", "1 . ipv6hint=192.0.2.1", "1 . ipv4hint=", "1 . key65536=a", "1 . mandatory=port",
             "1 . no-default-alpn=x alpn=h2", "1 . ech=*", '1 . alpn="h2', "1 . mandatory=mandatory", "1 . alpn=,"),
    "HTTPS": ("", "1", "1 . port=65536", "1 . port=1 port=1", "1 . mandatory=alpn", "1 . ipv4hint=x"),
    "TYPE65280": ("", "a", "\\#", "\\# x", "\\# 2 00", "\\# 1 0000", "\\# 1 0", "\\# 1 xx", "\\# 65536", "\\# -1"),
    "EUI48": ("", "00-00-5e-00-53", "00-00-5e-00-53-2a-00", "00-00-5e-00-53-2g", "00:00:5e:00:53:2a"),
    "EUI64": ("", "00-00-5e-ef-10-00-00", "00-00-5e-ef-10-00-00-2g"),
    "URI": ("", "1 1", "65536 1 \"a\"", "1 65536 \"a\"", "x 1 \"a\""),
    "CERT": ("", "1 1 8", "65536 1 8 AQID", "1 65536 8 AQID", "1 1 256 AQID", "1 1 8 A", "1 1 8 ****"),
    "DHCID": ("", "A", "****"),
    "OPENPGPKEY": ("", "A", "****"),
    "RP": ("", "a", "a b c", "a..b c"),
    "AFSDB": ("", "1", "65536 a", "x a"),
    "L32": ("", "1", "65536 1.2.3.4", "1 1.2.3", "1 ::1"),
    "L64": ("", "1", "65536 1:2:3:4", "1 1:2:3", "1 1:2:3:4:5", "1 g:2:3:4"),
    "NID": ("", "1", "65536 1:2:3:4", "1 1:2:3"),
    "IPSECKEY": ("", "10 1 2", "256 1 2 192.0.2.1 AQID", "10 1 2 ::1 AQID", "10 2 2 192.0.2.1 AQID", "10 1 2 192.0.2.1 A"),
    "APL": ("192.0.2.0/24", "1:192.0.2.0", "1:192.0.2.0/33", "2:2001:db8::/129", "x:192.0.2.0/24", "1:2001:db8::/32"),
    "CSYNC": ("", "1", "4294967296 3 A", "1 65536 A", "1 3 NOSUCH"),
    "SMIMEA": ("", "3 1 1", "256 1 0 00", "3 1 0 0"),
    "KX": ("", "1", "65536 a"),
}  # fmt: skip

# Whole lines, behind the head.
WRONG_LINES = {
    "directive": ("$ORGIN sub.{zone}.", "$TTl", "$TTL x", "$TTL 1x", "$TTL -1", "$ORIGIN", "$ORIGIN a..b", "$INCLUDE", "$FOO bar",
                  "$INCLUDE {zone}.nothing", "$TTL 99999999999", "$ORIGIN " + "a" * 64, "$DATE x", "$",
                  "$ORIGIN $a", "$ORIGIN $a.{zone}."),
    "parenthesis": ("x TXT ( a", "x TXT a )", "x A 192.0.2.1 )", "x ( A 192.0.2.1", "x TXT ( a ) )", ")", "("),
    "quote": ('x TXT "a', 'x TXT a "b', 'x TXT "a" "', 'x TXT "', 'x HINFO "a" "b'),
    "ttl": ("x 1x A 192.0.2.1", "x 99999999999 A 192.0.2.1", "x 1 2 A 192.0.2.1", "x 1h1x A 192.0.2.1", "x -1 A 192.0.2.1", "x 4294967296 A 192.0.2.1"),
    "class": ("x IN IN A 192.0.2.1", "x CH A 192.0.2.1", "x HS A 192.0.2.1", "x CLASS3 A 192.0.2.1", "x CLASS A 192.0.2.1", "x CH TXT a"),
    "type": ("x", "x IN", "x 300", "x 300 IN", "x NONSENSE a", "x TYPE65536 \\# 0", "x TYPE \\# 0", "x IN 300", "x TYPEx \\# 0", "x ANY a",
             "x AXFR a", "x TYPE0 \\# 0", "x TYPE41 \\# 0", "x OPT a", "x TYPE255 \\# 0", "x TYPE250 \\# 0", "x TYPE252 \\# 0", "x TYPE128 \\# 0", "x TYPE251 \\# 0"),
    "owner": ("a..b A 192.0.2.1", ".a A 192.0.2.1", "a" * 64 + " A 192.0.2.1", "a\\300 A 192.0.2.1", "a\\25 A 192.0.2.1",
              ".".join(["a" * 63] * 4) + " A 192.0.2.1", "a\\ A 192.0.2.1",
              "a.$b A 192.0.2.1", "@.a A 192.0.2.1"),
    "zone": ("x CNAME ns1\nx A 192.0.2.1", "x CNAME ns1\nx CNAME a", "@ CNAME x", "@ SOA ns1 host 2 3 4 5 6", "x SOA ns1 host 1 2 3 4 5",
             "x TXT a\nx CNAME ns1"),
    "nul": ("\0", "x A 192.0.2.1\n\0\0\0\0", "x\0y A 192.0.2.1", "x TXT a\0b"),
    "octets": ("x A \\# 3 000000", "x A \\# 5 0000000000", "x NS \\# 0", "x MX \\# 2 0001", "x CNAME \\# 3 00aabb", "x AAAA \\# 4 00000000",
               "x SRV \\# 6 000000000000", "x TXT \\# 2 0500", "x MX \\# 5 00010001ff"),
}  # fmt: skip
WRONG_WHOLE = {
    "no SOA": "@ 300 NS ns1\nns1 300 A 192.0.2.1\n",
    "no NS": "@ 300 SOA ns1 host 1 3600 600 604800 300\nns1 300 A 192.0.2.1\n",
    "empty": "",
    "comment": "; nothing\n",
    "mark": "\xef\xbb\xbf" + HEAD,
    "blank first": " A 192.0.2.1\n" + HEAD,
    "no address": "$TTL 300\n@ SOA ns1 host 1 3600 600 604800 300\n@ NS ns1\n",
    "no address of one": HEAD + "@ NS ns2\n",
    "no address at the apex": HEAD + "@ NS @\n",
    "an alias": HEAD + "@ NS ns2\nns2 CNAME ns1\n",
    "an alias of all": HEAD + "@ NS ns2\n* CNAME ns1\n",
    "no wildcard": HEAD + "@ NS ns2.x\nx A 192.0.2.1\n* A 192.0.2.1\n",
    "two SOA": HEAD + "@ SOA ns1 host 2 3600 600 604800 300\n",
}


def make_wrong_zones():
    """→ (kind, text with {zone}) of zones with one mistake each."""
    for kind, rows in WRONG_DATA.items():
        for number, data in enumerate(rows):
            for line in (f"x {kind} {data}", f"x 300 IN {kind} ( {data}\n )", f"@ {kind.lower()}  {data} ; a comment"):
                yield f"data of {kind} {number}", HEAD + "before TXT a\n" + line + "\nbehind TXT b\n"
    for kind, rows in WRONG_LINES.items():
        for number, line in enumerate(rows):
            yield f"{kind} {number}", HEAD + line + "\nbehind TXT b\n"
            yield f"{kind} {number} at the end", HEAD + "before TXT a\n" + line
    yield from WRONG_WHOLE.items()


RELATIVE_ORIGIN = re.compile(rb"^\$(?:origin|include\s+\S+)[ \t]+[^\s;]*[^\s;.][ \t]*(?:;.*)?$", re.IGNORECASE | re.MULTILINE)


def mutate(zone, seed):
    """A zone with one octet or word changed; it may still be right."""
    dice = random.Random(seed)
    content = zone.files[zone.main]
    at = dice.randrange(len(content))
    form = dice.randrange(6)
    if form == 0:
        content = content[:at] + content[at + 1 :]
    elif form == 1:
        content = content[:at] + bytes([dice.choice(b" \t\n\"();\\.@$0a=,-*#")]) + content[at:]
    elif form == 2:
        content = content[:at] + bytes([dice.choice(b" \n\"();\\.@$9z=/\x00\x01\xff")]) + content[at + 1 :]
    else:
        words = content.split(b" ")
        place = dice.randrange(len(words))
        words[place] = dice.choice((b"", words[dice.randrange(len(words))], words[place] + words[place], b"99999999999", b"-1",
                                    b"\\#", b"IN", b"A", b"(", b")", b'"', b"@", b"a..b", b"\\999"))  # fmt: skip
        content = b" ".join(words)
    changed = Zone(zone.name)
    changed.files = {**zone.files, zone.main: content}
    changed.questions = zone.questions
    changed.kinds = set(zone.kinds)
    if RELATIVE_ORIGIN.search(content):
        changed.kinds.add("relative origin")
    return changed
