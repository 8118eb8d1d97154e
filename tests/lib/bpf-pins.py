#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pins maps as a loader of BPF objects would leave them, without a program and without a loader.

usage: bpf-pins.py DIRECTORY <<JSON

DIRECTORY is OBJECT_HASH on a BPF file system. {"meta": TEXT, "maps": {NAME: {"type": "hash",
"key": BYTES, "value": BYTES, "max": N, "entries": [[KEY, VALUE], ...]}}}; keys and values are in
hexadecimal, that of a per-CPU map is what the first CPU has; the others have nothing.
"""

import ctypes
import json
import os
import platform
import sys

CREATE, UPDATE, PIN = 0, 2, 6
TYPES = {"hash": 1, "array": 2, "percpu_hash": 5, "percpu_array": 6, "lru_hash": 9}
NUMBER = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    attr = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    result = libc.syscall(NUMBER[platform.machine()], command, attr, 128)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def words(*values):
    return b"".join(value.to_bytes(4, sys.byteorder) for value in values)


def long_words(*values):
    return b"".join(value.to_bytes(8, sys.byteorder) for value in values)


def possible_cpus():
    with open("/sys/devices/system/cpu/possible", encoding="ascii") as file:
        ranges = [part.split("-") for part in file.read().split(",")]
    return sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges)


def create(kind, key, value, entries):
    return bpf(CREATE, words(TYPES[kind], key, value, entries))


def update(fd, key, value):
    key, value = ctypes.create_string_buffer(key), ctypes.create_string_buffer(value)
    bpf(UPDATE, words(fd, 0) + long_words(ctypes.addressof(key), ctypes.addressof(value), 0))


def pin(fd, path):
    name = ctypes.create_string_buffer(path.encode())
    bpf(PIN, long_words(ctypes.addressof(name)) + words(fd, 0))
    os.chmod(path, 0o644)


def main():
    directory, wanted = sys.argv[1], json.load(sys.stdin)
    os.makedirs(directory)
    for name, spec in wanted["maps"].items():
        fd = create(spec["type"], spec["key"], spec["value"], spec["max"])
        padded = (spec["value"] + 7) // 8 * 8
        room = padded * possible_cpus() if spec["type"].startswith("percpu") else spec["value"]
        for key, value in spec["entries"]:
            update(fd, bytes.fromhex(key), bytes.fromhex(value).ljust(room, b"\0"))
        pin(fd, os.path.join(directory, "map_" + name))
    text = wanted["meta"].encode()
    fd = create("array", 4, len(text), 1)
    update(fd, words(0), text)
    pin(fd, os.path.join(directory, "meta"))


if __name__ == "__main__":
    main()
