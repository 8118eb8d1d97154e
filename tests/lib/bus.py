#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A message bus with a systemd and a logind behind it, as far as peekpush asks: bus.py SOCKET [WAY]

WAY is how it goes wrong: `mute` accepts and says nothing, `silent` lets one in and answers nothing,
`shut` closes what it has accepted, `stuck` has no answer to its lists, `types` answers with others
than are asked for, `short` with a message that ends too early. Without one all is well.
"""

import socket
import struct
import sys
import threading

UNITS = [
    ("good.service", "loaded", "active"),
    ("bad.service", "loaded", "failed"),
    ("gone.service", "not-found", "inactive"),
]
STRINGS = {"Version": "252.39-1~deb12u1", "SystemState": "degraded", "Virtualization": "kvm"}
SEATS = ["seat0", "seat1"]
# Seat, and the properties; the one without is gone when it is asked for.
SESSIONS = [
    ("seat0", {"Remote": 0, "Type": "wayland", "Class": "user"}),
    ("seat0", {"Remote": 0, "Type": "x11", "Class": "greeter"}),
    ("", {"Remote": 1, "Type": "tty", "Class": "user"}),
    ("", {"Remote": 1, "Type": "tty", "Class": "user"}),
    ("", {"Remote": 1, "Type": "tty", "Class": "manager"}),
    ("seat1", {}),
]


def pad(data, size):
    return data + b"\0" * (-len(data) % size)


def text(data, value):
    value = value.encode()
    return pad(data, 4) + struct.pack("<I", len(value)) + value + b"\0"


def field(data, code, signature, value):
    data = pad(data, 8) + bytes((code, len(signature))) + signature.encode() + b"\0"
    if signature == "g":
        return data + bytes((len(value),)) + value.encode() + b"\0"
    return pad(data, 4) + struct.pack("<I", value)


def message(serial, signature, body):
    fields = field(b"", 5, "u", serial)
    fields = field(fields, 8, "g", signature)
    head = struct.pack("<cBBBIII", b"l", 2, 1, 1, len(body), serial + 1000, len(fields))
    return pad(head + fields, 8) + body


def variant(value, signature="s"):
    data = bytes((len(signature),)) + signature.encode() + b"\0"
    if signature == "s":
        return text(data, value)
    if signature == "t":
        return pad(data, 8) + struct.pack("<Q", value)
    return pad(data, 4) + struct.pack("<I", value)


def units():
    data = b""
    for i, (name, load, active) in enumerate(UNITS):
        data = pad(data, 8)
        for value in (name, "", load, active, "dead", "", f"/unit/u{i}"):
            data = text(data, value)
        data = text(text(pad(data, 4) + struct.pack("<I", 0), ""), "/")
    return struct.pack("<I", len(data)) + b"\0" * 4 + data


def seats():
    data = b""
    for name in SEATS:
        data = text(text(pad(data, 8), name), f"/seat/{name}")
    return struct.pack("<I", len(data)) + b"\0" * 4 + data


def sessions():
    data = b""
    for i, (seat, _) in enumerate(SESSIONS):
        data = pad(text(pad(data, 8), f"c{i}"), 4) + struct.pack("<I", 1000 + i)
        for value in ("anna", seat, f"/session/c{i}"):
            data = text(data, value)
    return struct.pack("<I", len(data)) + b"\0" * 4 + data


def session_property(serial, fields, name):
    """Of the session whose path is among the fields; None when it is no session's."""
    for i, (_, properties) in enumerate(SESSIONS):
        if f"/session/c{i}\0".encode() not in fields:
            continue
        if name not in properties:
            return message(serial, "g", b"\0\0")
        value = properties[name]
        return message(serial, "v", variant(value, "s" if isinstance(value, str) else "b"))
    return None


LISTS = {"ListUnits": ("a(ssssssouso)", units), "ListSeats": ("a(so)", seats),
         "ListSessions": ("a(susso)", sessions)}


def member_of(fields):
    """Of so few methods, the one whose name is in there."""
    for name in (b"Hello", b"ListUnits", b"ListSeats", b"ListSessions", b"Get"):
        if name + b"\0" in fields:
            return name.decode()
    return ""


def answer(serial, fields, body, way):
    member = member_of(fields)
    if member == "Hello":
        return message(serial, "s", text(b"", ":1.1"))
    if way == "silent" or (way == "stuck" and member in LISTS):
        return b""
    if member in LISTS:
        if way == "types":
            return message(serial, "as", struct.pack("<I", 0))
        return message(serial, LISTS[member][0], LISTS[member][1]())
    name = body.split(b"\0")[-2][-40:].decode(errors="replace").lstrip("\0")
    name = next((n for n in STRINGS if name.endswith(n)), name)
    if b"/session/" in fields:
        return session_property(serial, fields, next(n for n in ("Remote", "Type", "Class")
                                                     if name.endswith(n)))
    if way == "types" and name != "Version":
        return message(serial, "v", variant(7, "u"))
    if name in STRINGS:
        return message(serial, "v", variant(STRINGS[name]))
    if name.endswith("Type"):
        return message(serial, "v", variant("simple"))
    if name.endswith("NRestarts"):
        return message(serial, "v", variant(3, "u"))
    if name.endswith("Timestamp"):
        return message(serial, "v", variant(1700000000 * 10**6, "t"))
    return message(serial, "v", variant(2**64 - 1, "t"))


def read(peer, size):
    data = b""
    while len(data) < size:
        more = peer.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def line(peer):
    data = b""
    while not data.endswith(b"\r\n"):
        data += read(peer, 1)
    return data.strip(b"\0\r\n").split()


def serve(peer, way):
    try:
        while True:
            words = line(peer)
            if words[:1] == [b"BEGIN"]:
                break
            if words[:1] == [b"AUTH"] or words[:1] == [b"DATA"]:
                known = len(words) > 2 or words[0] == b"DATA"
                peer.sendall(b"OK " + b"01" * 16 + b"\r\n" if known else b"DATA\r\n")
            elif words[:1] == [b"NEGOTIATE_UNIX_FD"]:
                peer.sendall(b"ERROR\r\n")
        while True:
            head = read(peer, 16)
            length, serial, fields = struct.unpack("<III", head[4:])
            names = read(peer, fields + -fields % 8)
            body = read(peer, length)
            said = answer(serial, names, body, way)
            if way == "short" and b"Hello\0" not in names:
                peer.sendall(said[:-3])
                break
            peer.sendall(said)
    except (EOFError, OSError):
        pass
    peer.close()


def main():
    way = sys.argv[2] if len(sys.argv) > 2 else ""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(16)
    while way == "mute":
        threading.Event().wait()
    while True:
        peer, _ = listener.accept()
        if way == "shut":
            peer.close()
        else:
            threading.Thread(target=serve, args=(peer, way), daemon=True).start()


main()
