#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the kernel do something a known number of times, and says how often, as "NAME NUMBER".

Network traffic is IPv6 on the loopback of a namespace of its own, so that hardly anything else
happens under the same labels. What the kernel itself counted there follows: "snmp_Tcp_OutRsts 5".
"""
import ctypes
import errno
import fcntl
import os
import pty
import socket
import struct
import sys
import time
import tty

SO_ATTACH_FILTER = 26
SIOCSIFFLAGS = 0x8914
TCP_INFO_RTT = 68  # offset of tcpi_rtt in struct tcp_info


def say(name, value):
    print(name, value)


def own_network():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000):  # CLONE_NEWNET
        sys.exit("no network namespace: " + os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", 0x41))  # up, running


def snmp(prefix="snmp"):
    for path in ("/proc/net/snmp", "/proc/net/netstat"):
        with open(path) as f:
            lines = [line.split() for line in f]
        for names, values in zip(lines[::2], lines[1::2]):
            for name, value in zip(names[1:], values[1:]):
                say(f"{prefix}_{names[0][:-1]}_{name}", value)
    with open("/proc/net/snmp6") as f:
        for line in f:
            say(prefix + "_" + line.split()[0], line.split()[1])


def listener(backlog=200):
    s = socket.socket(socket.AF_INET6)
    s.bind(("::1", 0))
    s.listen(backlog)
    return s, s.getsockname()[:2]


def closed_port(kind):
    with socket.socket(socket.AF_INET6, kind) as s:
        s.bind(("::1", 0))
        return s.getsockname()[:2]


def rtt(s):
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("I", info, TCP_INFO_RTT)[0]


def give_up():
    """A connection to who takes no more, closed before it came about."""
    server, address = listener(0)
    clients = []
    for _ in range(4):
        client = socket.socket(socket.AF_INET6)
        client.setblocking(False)
        client.connect_ex(address)
        clients.append(client)
    time.sleep(0.1)
    given_up = 0
    for client in clients:
        given_up += client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x02"
        client.close()
    say("given_up", given_up)


def tcp(connects, refused, aborted):
    """Connects, of which `aborted` end by a reset; and `refused` others."""
    server, address = listener()
    began = time.monotonic()
    pairs = []
    for _ in range(connects):
        client = socket.create_connection(address)
        pairs.append((client, server.accept()[0]))
    say("connect_seconds", time.monotonic() - began)
    for client, _ in pairs[:aborted]:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    nobody = closed_port(socket.SOCK_STREAM)
    for _ in range(refused):
        try:
            socket.create_connection(nobody)
            sys.exit("somebody listens")
        except ConnectionRefusedError:
            pass
    give_up()
    time.sleep(0.2)
    snmp()


def tcp_rtt(exchanges):
    server, address = listener()
    client = socket.create_connection(address)
    peer = server.accept()[0]
    seen = []
    for _ in range(exchanges):
        for a, b in ((client, peer), (peer, client)):
            seen += [rtt(client), rtt(peer)]
            a.sendall(b"x")
            b.recv(1)
    seen += [rtt(client), rtt(peer)]
    say("least_seconds", min(x for x in seen if x) / 1e6)
    say("most_seconds", max(seen) / 1e6)
    snmp()


def tcp_loss():
    """A peer that drops what it gets: the segment is sent again and again, until it is let in."""
    server, address = listener()
    client = socket.create_connection(address)
    peer = server.accept()[0]
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # return 0
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(nothing))
    peer.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    client.sendall(b"x" * 1000)
    time.sleep(1.5)
    peer.setsockopt(socket.SOL_SOCKET, 27, struct.pack("i", 0))  # SO_DETACH_FILTER
    peer.recv(1000)
    time.sleep(0.3)
    snmp()


def udp(unheard, too_many, port):
    nobody = closed_port(socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        for _ in range(unheard):
            s.sendto(b"x", nobody)
    receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    receiver.bind(("::1", port))
    chosen = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    chosen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    chosen.bind(("::1", 0))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        for _ in range(too_many):
            s.sendto(b"x" * 500, ("::1", port))
        for _ in range(too_many):
            s.sendto(b"x" * 500, chosen.getsockname()[:2])
    received = 0
    receiver.setblocking(False)
    try:
        while receiver.recv(1000):
            received += 1
    except BlockingIOError:
        pass
    say("dropped_at_port", too_many - received)
    snmp()


def timeouts(count):
    """recv() with a time limit: a kernel timer whose function is process_timeout."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 1000))
        for _ in range(count):
            try:
                s.recv(1)
            except OSError as e:
                if e.errno != errno.EAGAIN:
                    raise
    say("timeouts", count)


def terminal(count):
    """Bytes through a terminal, one after another: each is a work of its own."""
    a, b = pty.openpty()
    tty.setraw(b)
    for _ in range(count):
        os.write(a, b"x")
        os.read(b, 1)
    say("writes", count)


def read_often(path, count):
    fd = os.open(path, os.O_RDONLY)
    for _ in range(count):
        os.pread(fd, 65536, 0)
    say("reads", count)


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what in ("tcp", "tcp_rtt", "tcp_loss", "udp"):
        own_network()
    if what == "read_often":
        read_often(args[0], int(args[1]))
    else:
        globals()[what](*map(int, args))


main()
