#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A file system that mounts and then never answers statfs(2), as a dead NFS server does.

usage: hangfs.py MOUNTPOINT [getattr]

Speaks FUSE's protocol itself, so that it needs /dev/fuse and root, and no library. The caller
of statfs(2) is in a sleep that no signal ends until this process is gone. Says "mounted", and
then a line for each statfs(2) with the number of its caller. With "getattr" it does not answer
stat(2) either.
"""
import ctypes
import os
import struct
import sys

FUSE_FORGET, FUSE_GETATTR, FUSE_STATFS, FUSE_INIT, FUSE_BATCH_FORGET = 2, 3, 17, 26, 42
FUSE_INTERRUPT, ENOSYS = 36, 38

device = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = f"fd={device},rootmode=40755,user_id=0,group_id=0,allow_other"
if libc.mount(b"nas:/dead", os.fsencode(sys.argv[1]), b"fuse.hangfs", 0, options.encode()):
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
print("mounted", flush=True)

while True:
    try:
        request = os.read(device, 1 << 20)
    except OSError:
        break  # unmounted
    _, opcode, unique, _, _, _, pid, _ = struct.unpack_from("<IIQQIIII", request)
    error, data = 0, b""
    if opcode == FUSE_STATFS:
        print("statfs", pid, flush=True)
        continue
    if opcode == FUSE_GETATTR and "getattr" in sys.argv[2:]:
        continue
    if opcode in (FUSE_FORGET, FUSE_BATCH_FORGET, FUSE_INTERRUPT):
        continue
    if opcode == FUSE_INIT:
        data = struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 12, 10, 4096, 1, 1, 0, 0)
    elif opcode == FUSE_GETATTR:
        # Valid for a minute; inode 1, a directory.
        data = struct.pack("<QII", 60, 0, 0)
        data += struct.pack("<6Q10I", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)
    else:
        error = -ENOSYS
    os.write(device, struct.pack("<IiQ", 16 + len(data), error, unique) + data)
