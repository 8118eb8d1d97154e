#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a target said, held to what stands in the gateway.

    relayed.py JOB ANSWER [TARGET] <GATEWAY'S-TEXT

ANSWER are the bytes of an HTTP answer. Each series has to be there with its value and type; those
of names that several targets have, with a label target. Says what is not so, and how many series
there were as the last line of stderr.
"""

import http.client
import io
import gzip
import re
import sys

SHARED = re.compile("(go|process|promhttp|python)_")
SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*$')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?')
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


class Wire:
    def __init__(self, data):
        self.data = data

    def makefile(self, *args):
        return io.BytesIO(self.data)


def body_of(path):
    answer = http.client.HTTPResponse(Wire(open(path, "rb").read()), method="GET")
    answer.begin()
    body = answer.read()
    if answer.getheader("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return body.decode()


def series_of(text):
    """{(name, labels): (value, type)}; the type is that of the family."""
    types, series = {}, {}
    lines = text.splitlines()
    for line in lines:
        if line.startswith("# TYPE "):
            types.setdefault(line.split()[2], line.split()[3])
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        kind = types.get(name)
        for family, of in types.items() if kind is None else ():
            if any(name == family + part for part in PARTS.get(of, ())):
                kind = of
        pairs = dict(LABEL.findall(labels or ""))
        for key in ("le", "quantile"):
            if key in pairs and kind in PARTS:
                pairs[key] = repr(float(pairs[key]))
        number = float(value)
        series[name, frozenset((k, v) for k, v in pairs.items() if v)] = (
            "NaN" if number != number else number, kind or "untyped")
    return series


def expected(series, target):
    for (name, labels), value in series.items():
        pairs = dict(labels)
        if target and SHARED.match(name):
            if "target" in pairs:
                pairs["exported_target"] = pairs.pop("target")
            pairs["target"] = target
        for key in ("job", "instance"):
            if key in pairs:
                pairs["exported_" + key] = pairs.pop(key)
        yield (name, frozenset(pairs.items())), value


def main():
    job, path, target = sys.argv[1], sys.argv[2], (sys.argv + [""])[3]
    got = {}
    for (name, labels), value in series_of(sys.stdin.read()).items():
        pairs = dict(labels)
        if pairs.pop("job", None) == job:
            pairs.pop("instance", None)
            got[name, frozenset(pairs.items())] = value
    n = 0
    for key, (value, kind) in expected(series_of(body_of(path)), target):
        n += 1
        if key not in got:
            print("lost", key[0], sorted(key[1]), value)
        elif got[key] != (value, kind):
            print("not", value, kind, "but", got[key], key[0], sorted(key[1]))
    print(n, file=sys.stderr)


main()
