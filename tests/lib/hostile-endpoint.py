#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An endpoint that answers as no endpoint should, for tests: the path says how.

    hostile-endpoint.py [--unix SOCKET] [--tls CERTIFICATE [--clients AUTHORITY]]

The port is the first line on standard output. For each request a line of JSON goes to standard
error: its path, its headers, and how many bytes the other side took. It ends with its parent.
"""

import argparse
import ctypes
import gzip
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
import zlib

PAGE = b"# TYPE good gauge\ngood{from=\"%s\"} 1\n"
ENOUGH = 1 << 30


class Peer:
    def __init__(self, connection, path, headers):
        self.connection, self.path, self.headers, self.sent = connection, path, headers, 0

    def send(self, data):
        self.connection.sendall(data)
        self.sent += len(data)

    def answer(self, body, kind="text/plain; version=0.0.4", status="200 OK", *more, length=None):
        length = len(body) if length is None else length
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {length}", *more]
        if kind:
            lines.append(f"Content-Type: {kind}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def begin(self, *more):
        lines = ["HTTP/1.1 200 OK", "Content-Type: text/plain", *more]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def wait(self):
        """Until the other side has gone, or for ever."""
        while self.connection.recv(4096):
            pass


def page(peer):
    return PAGE % peer.path.strip("/").encode()


def mode_good(peer):
    peer.answer(page(peer))


def mode_silent(peer):
    peer.wait()


def mode_half(peer):
    peer.begin("Content-Length: 1000")
    peer.send(page(peer))
    peer.wait()


def mode_drip(peer):
    peer.begin("Content-Length: 100000")
    while True:
        peer.send(b"# slow\n"[:1])
        time.sleep(0.05)


def mode_headers(peer):
    peer.send(b"HTTP/1.1 200 OK\r\n")
    while peer.sent < ENOUGH:
        peer.send(b"X-More: " + b"m" * 1000 + b"\r\n")


def mode_flood(peer):
    peer.begin(f"Content-Length: {ENOUGH}")
    while peer.sent < ENOUGH:
        peer.send(b"flood 1\n" * 8192)


def mode_chunks(peer):
    peer.begin("Transfer-Encoding: chunked")
    while peer.sent < ENOUGH:
        peer.send(b"10000\r\n" + b"flood 1\n" * 8192 + b"\r\n")


def mode_bomb(peer):
    """1 GiB of it, in 1 MiB."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    peer.begin("Content-Encoding: gzip")
    for _ in range(ENOUGH >> 20):
        peer.send(squeeze.compress(bytes(1 << 20)))
    peer.send(squeeze.flush())


def mode_void(peer):
    """Compressed data without end that becomes nothing at all: empty blocks."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    peer.begin("Content-Encoding: gzip")
    peer.send(squeeze.compress(b"") + squeeze.flush(zlib.Z_SYNC_FLUSH))
    while peer.sent < ENOUGH:
        peer.send(b"\x00\x00\x00\xff\xff" * 13107)


def mode_zipped(peer):
    peer.answer(gzip.compress(page(peer)), "text/plain", "200 OK", "Content-Encoding: gzip")


def mode_badzip(peer):
    peer.answer(b"\x1f\x8b\x08\x00 no gzip at all", "text/plain", "200 OK",
                "Content-Encoding: gzip")


def mode_cutzip(peer):
    peer.answer(gzip.compress(page(peer) * 1000)[:-20], "text/plain", "200 OK",
                "Content-Encoding: gzip")


def mode_brotli(peer):
    peer.answer(page(peer), "text/plain", "200 OK", "Content-Encoding: br")


def mode_html(peer):
    peer.answer(b"<!DOCTYPE html><html><body>Exporter</body></html>", "text/html; charset=utf-8")


def mode_sly(peer):
    peer.answer(b"\n  <html>\n<body>1</body></html>")


def mode_json(peer):
    peer.answer(b'{"good": 1}', "application/json")


def mode_protobuf(peer):
    peer.answer(b"\x0a\x04good", "application/vnd.google.protobuf; encoding=delimited")


def mode_typeless(peer):
    peer.answer(page(peer), "")


def mode_flask(peer):
    peer.answer(page(peer), "text/html; charset=utf-8")


def mode_openmetrics(peer):
    peer.answer(b"# TYPE good counter\ngood_total{from=\"openmetrics\"} 1 # {id=\"x\"} 1\n# EOF\n",
                "application/openmetrics-text; version=1.0.0; charset=utf-8")


def mode_error(peer):
    peer.answer(b"\x1b[31mthe database\x07 is gone\nsecond line\n", "text/plain",
                "500 Internal Server Error")


def mode_nocontent(peer):
    peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")


def mode_denied(peer):
    """Says again what it was told in confidence."""
    said = peer.headers.get("authorization", "nothing")
    peer.answer(f"not you: {said}\n".encode(), "text/plain", "401 Unauthorized",
                f"WWW-Authenticate: Basic realm=\"{said}\"")


def mode_loop(peer):
    peer.answer(b"", "text/html", "302 Found", "Location: /loop")


def mode_early(peer):
    peer.answer(page(peer), length=5000)


def mode_slam(peer):
    pass


def mode_junk(peer):
    peer.send(os.urandom(4096).replace(b"HTTP", b"PTTH"))


def mode_empty(peer):
    peer.answer(b"")


def mode_lines(peer):
    peer.answer(page(peer) + b"no metric at all\n" + b"good{from=\"second\"} 2 1600000000000\n")


def mode_words(peer):
    peer.answer(b"this is\na page of words\n")


def mode_binary(peer):
    peer.answer(os.urandom(200000))


def mode_secret(peer):
    said = peer.headers.get("authorization", "")
    name = said.split()[0].lower() if said else "none"
    peer.answer(b"good{from=\"%s\"} 1\n" % name.encode())


def serve(connection, context):
    peer = None
    try:
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        stream = connection.makefile("rb")
        path = stream.readline().decode("latin-1").split()[1]
        headers = {}
        for raw in iter(stream.readline, b"\r\n"):
            name, _, value = raw.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        peer = Peer(connection, path, headers)
        globals()["mode_" + path.strip("/").split("?")[0]](peer)
    except (OSError, IndexError):
        pass
    finally:
        connection.close()
    if peer:
        line = json.dumps({"path": peer.path, "headers": peer.headers, "sent": peer.sent}) + "\n"
        os.write(2, line.encode())


def accept(listener, context=None):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, context), daemon=True).start()


def main():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    parser = argparse.ArgumentParser()
    parser.add_argument("--unix")
    parser.add_argument("--tls")
    parser.add_argument("--clients")
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.tls)
    if options.clients:
        context.load_verify_locations(options.clients)
        context.verify_mode = ssl.CERT_REQUIRED
    if options.unix:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(options.unix)
        listener.listen()
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    print(listener.getsockname()[1], flush=True)
    accept(listener, context)


main()
