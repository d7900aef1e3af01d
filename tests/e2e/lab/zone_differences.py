"""Where wg-dnsd reads a zone file otherwise than two of NSD, Knot and BIND: a sample of each, and how it is known among
files that were made at random. doc/rfc.md has the same rows with what each server says."""

import collections

from lab.zone_generator import HEAD

BARE = "@ 300 SOA ns1 host 1 3600 600 604800 77\n@ 300 NS ns1\nns1 60 A 192.0.2.1\n"
# section: of the RFC that decides. text: the zone, {zone} is its name. asked: whose answer is shown, a label and the
# number of a type; None: only whether it is loaded. error: found in what wg-dnsd says of such a file among those made
# at random. kind: Zone.kinds or the name of a file made at random has it.
Row = collections.namedtuple("Row", "rfc section what text asked error kind", defaults=(None, None, None))
A, MX, CNAME, TXT, DS = 1, 15, 5, 16, 43

CHAIN = "".join(f"c{i} CNAME c{i + 1}\n" for i in range(17)) + "c17 A 192.0.2.1\n"
LARGE = "".join(f'x TXT "{i} {"x" * 240}"\n' for i in range(300))
DIGEST = "00" * 32

ROWS = [
    Row("2308", "4", "no `$TTL`: the last TTL", BARE + "x A 192.0.2.1\n", ("x", A), None, "no TTL"),
    Row("2308", "4", "no `$TTL`, and no TTL at all: MINIMUM", "@ SOA ns1 host 1 3600 600 604800 77\n@ NS ns1\nns1 A 192.0.2.1\nx A 192.0.2.1\n", ("x", A)),
    Row("2181", "5.2", "one RRset with two TTLs: the lower one", HEAD + "x 60 A 192.0.2.1\nx 30 A 192.0.2.2\nx 90 A 192.0.2.3\n", ("x", A), None, "two TTLs"),
    Row("2181", "8", "a TTL above 2147483647", HEAD + "x 2147483648 A 192.0.2.1\n", ("x", A), "is no TTL|behind .TTL", None),
    Row("1035", "5.1", "a relative `$ORIGIN`", HEAD + "$ORIGIN sub\nx A 192.0.2.1\n", None, None, "relative origin"),
    Row("1035", "5.1", "an escape above `\\255` in a name", HEAD + "x\\300 A 192.0.2.1\n", None, r"\\\d\d\d\S* is no name", None),
    Row("1035", "5.1", "a carriage return that ends a line", HEAD + "x A 192.0.2.1\ry A 192.0.2.2\n", ("y", A), "carriage return", None),
    Row("1035", "5.1", "a quoted owner with a label that begins with `$`", HEAD + '"x.$y" A 192.0.2.1\n', None, r"\.\$\S* is no name", None),
    Row("1035", "5.1", "a quote that goes on in the next line, behind a backslash", HEAD + 'x TXT "a\\\nb"\n', ("x", TXT), "quote is not closed", None),
    Row("1035", "5.1", "a NUL octet in a comment", HEAD + "; \0\n", None, "a NUL octet", None),
    Row("3597", "5", "octets that are not of the form of their type", HEAD + "x TXT \\# 2 0500\n", None, "not of its form", None),
    Row("1035", "5.1", "a quote inside a word", HEAD + 'x TXT a"b"\n', ("x", TXT), "a quote stands inside a word", None),
    Row("1035", "5.1", "two strings without a space between them", HEAD + 'x TXT "a""b"\n', ("x", TXT), "right behind a quote", None),
    Row("1035", "5.1", "a file below another folder: `$INCLUDE ../FILE`", HEAD + "$INCLUDE ../outside\n", ("i", A), "is outside", None),
    Row("1035", "3.4.2", "WKS with the name of a port", HEAD + "x WKS 192.0.2.1 tcp smtp\n", None, "is no port", None),
    Row("1034", "3.6.2", "a chain of more than 16 CNAMEs", HEAD + CHAIN, ("c0", A), "chain of more than 16", None),
    Row("4592", "4.2", "a wildcard that is delegated", HEAD + "*.x NS ns1\n", None, "wildcard cannot be delegated", None),
    Row("6672", "2.3", "DNAME", HEAD + "x DNAME example.net.\n", None, "DNAME is not supported", None),
    Row("4034", "5", "DS without NS", HEAD + f"x DS 1 8 2 {DIGEST}\n", ("x", DS), "beside the NS of a delegation", None),
    Row("4034", "5", "DS at the apex", HEAD + f"@ DS 1 8 2 {DIGEST}\n", None, "belongs into its parent", None),
    Row("4034", "2", "DNSKEY in an unsigned file", HEAD + "@ DNSKEY 256 3 13 AQID\n", None, "the file is signed", None),
    Row("4034", "4", "NSEC in an unsigned file", HEAD + "x NSEC y.{zone}. A\nx A 192.0.2.1\n", None, None, None),
    Row("4255", "3.1.2", "SSHFP with a digest of the wrong length", HEAD + "x SSHFP 1 2 00\n", None, "a digest of type", None),
    Row("6895", "3.1", "a type of questions as data: TYPE250", HEAD + "x TYPE250 \\# 0\n", None, "is no type of records", None),
    Row("6891", "6.1.1", "OPT as data", HEAD + "x TYPE41 \\# 0\n", None, None, None),
    Row("1035", "4.2.2", "an RRset that is longer than a message", HEAD + LARGE, ("x", TXT), "longer than any message", None),
    Row("9460", "7.1.1", "no-default-alpn without alpn", HEAD + "x SVCB 1 . no-default-alpn\n", None, "needs alpn", None),
    Row("3402", "3.2", "NAPTR with a substitution that is none", HEAD + 'x NAPTR 1 2 u s "!a!b" .\n', None, "no substitution", None),
    Row("8005", "6", "HIP", HEAD + "x HIP 2 20010010 AQID\n", None, None, "HIP"),
    Row("1712", "3", "GPOS", HEAD + "x GPOS -32.6882 116.8652 10.0\n", None, None, "GPOS"),
]  # fmt: skip
