#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pushes one family in protobuf as peekpush would never send it.

    protobuf.py URL NAME TYPE FIELD [LABEL VALUE]

URL is the group's, TYPE the number of a type of metric, FIELD that of the member for its value. A
backslash in NAME and LABEL escapes a byte, as in "\\xff".
"""

import struct
import sys
import urllib.error
import urllib.request


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def raw(text):
    return text.encode().decode("unicode_escape").encode("latin-1")


def main():
    url, name, kind, member, *label = sys.argv[1:]
    metric = field(int(member), b"\x09" + struct.pack("<d", 1))
    if label:
        metric += field(1, field(1, raw(label[0])) + field(2, label[1].encode()))
    family = field(1, raw(name)) + bytes([3 << 3, int(kind)]) + field(4, metric)
    request = urllib.request.Request(url, bytes([len(family)]) + family, {
        "Content-Type": "application/vnd.google.protobuf; "
        "proto=io.prometheus.client.MetricFamily; encoding=delimited"})
    try:
        urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        sys.exit(f"refused: {error}")


main()
