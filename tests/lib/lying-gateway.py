#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server on a free loopback port that behaves as no gateway should, for tests.

The first part of a request's path says how: http://127.0.0.1:PORT/MODE/metrics/job/x. A
number answers with that status, and with a Location when it is 3xx. The other modes are the
functions named mode_* below. The port is the first line on standard output; the server ends
when its standard input does, so that it never outlives the test that started it.
"""

import argparse
import base64
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time

REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 400: "Bad Request"}


class Request:
    """One request, read to its end."""

    def __init__(self, stream):
        line = stream.readline().decode("latin-1").split()
        if len(line) != 3:
            raise EOFError
        self.method, self.path, self.version = line
        self.headers = []
        for raw in iter(stream.readline, b"\r\n"):
            if not raw:
                raise EOFError
            name, _, value = raw.decode("latin-1").partition(":")
            self.headers.append([name, value.strip()])
        self.mode = self.path.split("/")[1]
        self.body = b""

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name), None)

    def read_body(self, stream):
        self.body = stream.read(int(self.header("content-length") or 0))

    def as_json(self, connection):
        return json.dumps({
            "connection": connection, "method": self.method, "path": self.path,
            "version": self.version, "headers": self.headers,
            "body": base64.b64encode(self.body).decode(),
        }) + "\n"


def answer(status, body=b"", headers=()):
    head = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}", *headers]
    if status != 204:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def trickle(conn, head, piece, pause=0.0):
    """Sends a beginning and then one piece after the other until the client has had enough."""
    conn.sendall(head)
    while True:
        conn.sendall(piece)
        time.sleep(pause)


# Each mode gets the connection, the request and the options, and says whether to go on with
# the same connection.

def mode_slow(conn, _request, _options):
    """Takes the request and never answers."""
    conn.recv(1)
    return False


def mode_silent(_conn, _request, _options):
    """Closes without a word."""
    return False


def mode_cut(conn, _request, _options):
    """Promises more than it sends."""
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly a part")
    return False


def mode_cut400(conn, _request, _options):
    """The same for an error."""
    conn.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nline 3 is bad")
    return False


def mode_cuthead(conn, _request, _options):
    """Stops in the middle of the status line."""
    conn.sendall(b"HTTP/1.1 20")
    return False


def mode_reset(conn, _request, _options):
    """Ends the connection by RST."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def mode_drip(conn, _request, _options):
    """A byte a second, for ever."""
    trickle(conn, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x", 1)


def mode_driphead(conn, _request, _options):
    """A header a second, for ever; the status is known at once."""
    trickle(conn, b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n", 1)


def mode_huge(conn, _request, _options):
    """A body without end."""
    trickle(conn, b"HTTP/1.1 200 OK\r\n\r\n", b"0123456789abcdef" * 4096)


def mode_flood(conn, _request, _options):
    """Headers without end."""
    trickle(conn, b"HTTP/1.1 500 No\r\n", b"X-Flood: " + b"y" * 1000 + b"\r\n")


def mode_continue(conn, _request, _options):
    """Interim answers without end."""
    trickle(conn, b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001)


def mode_garbage(conn, _request, _options):
    """Another protocol."""
    conn.sendall(b"220 mail.example ESMTP\r\n250 \x00\x01\xff\r\n" * 10)
    return False


def mode_binary(conn, _request, _options):
    """An error text that would paint a terminal and forge a log line."""
    conn.sendall(answer(500, b"\n \x1b[31mred\x07\x00\xff\xe2\x80\xae end\r\nsecond line\n"))
    return True


def mode_longline(conn, _request, _options):
    """An error text that is one very long line."""
    conn.sendall(answer(400, "é".encode() * 40000))
    return True


def mode_date(conn, request, _options):
    """A header out of the path: /date/NAME/VALUE, a _ for each blank."""
    _, _, name, value = request.path.split("/")[:4]
    conn.sendall(answer(200, headers=[f"{name}: {value.replace('_', ' ')}"]))
    return True


def mode_echo(conn, request, _options):
    """Repeats everything it was sent, secrets too, as an error."""
    conn.sendall(answer(400, json.dumps(request.headers).encode()))
    return True


def mode_decoded(conn, request, _options):
    """Repeats the credentials in clear text."""
    kind, _, value = (request.header("authorization") or " ").partition(" ")
    if kind == "Basic":
        value = base64.b64decode(value).decode()
    conn.sendall(answer(403, f"go away, {value}!".encode()))
    return True


def mode_hop(conn, request, _options):
    """A redirect whose Location repeats the credentials."""
    kind, _, value = (request.header("authorization") or " ").partition(" ")
    if kind == "Basic":
        value = base64.b64decode(value).decode()
    conn.sendall(answer(301, headers=[f"Location: http://{value}@other.example/"]))
    return True


def mode_basic(conn, request, options):
    """200 for the right user and password, 401 otherwise."""
    right = "Basic " + base64.b64encode(options.basic.encode()).decode()
    good = request.header("authorization") == right
    conn.sendall(answer(200 if good else 401, b"" if good else b"Unauthorized\n"))
    return True


def mode_bearer(conn, request, options):
    """200 for the right token, 401 otherwise."""
    good = request.header("authorization") == "Bearer " + options.bearer
    conn.sendall(answer(200 if good else 401, b"" if good else b"Unauthorized\n"))
    return True


def mode_hangup(conn, _request, _options):
    """A good answer that promises to keep the connection, and then closes it."""
    conn.sendall(answer(200))
    return False


def claims(what, headers=()):
    """A mode that says it is a Pushgateway, and answers otherwise as `what` does."""
    def mode(conn, request, options):
        path = request.path.split("?")[0]
        if path.endswith("/api/v1/status"):
            conn.sendall(answer(200, json.dumps({"status": "success", "data": {
                "build_information": {"version": "1.5.1\x1b[31m\n"},
                "flags": {"web.enable-admin-api": "true",
                          "web.telemetry-path": "/../x y\r\nX: y",
                          "persistence.file": "\x1b]0;\x07"},
                "start_time": "\x1b[2J2026-11-21T21:13:13Z"}}).encode(), headers))
            return True
        if path.endswith("/-/ready"):
            conn.sendall(answer(200, b"OK"))
            return True
        return what(conn, request, options)
    return mode


def hostile(conn, request, _options):
    """Names and values that would paint a terminal, forge a line or run in a shell."""
    bad = "\x1b[31m\n$(touch pwned)`touch pwned`'\"; touch pwned #\u202e\u0085\t\\"
    group = {"labels": {"job": bad, "instance": "", bad: bad, "x,job": "victim"},
             "last_push_successful": False,
             bad: {"type": bad, "help": bad, "metrics": [{"labels": {bad: bad}, "value": bad}]},
             "peekpush_running": {"type": "GAUGE", "metrics": [{"value": "1e999"}, {}, 7, None]},
             "push_time_seconds": {"time_stamp": bad, "type": 3, "metrics": {"value": []}}}
    plain = {"labels": {"job": bad}, "last_push_successful": False, bad: group[bad]}
    text = json.dumps({"status": "success", "data": [group, plain, 7, [], {}]})
    if request.path.endswith("/metrics") and "/api/" not in request.path:
        text = f'collected metric "{bad}" {{ label:<name:"job" value:"\\377 > {bad}\n' * 5
        conn.sendall(answer(500, text.encode()))
    else:
        conn.sendall(answer(200, text.encode()))
    return True


def deep(conn, _request, _options):
    """JSON that never gets to the point."""
    conn.sendall(answer(200, b'{"data":[' + b'{"a":[' * 500000))
    return True


def half(conn, _request, _options):
    """JSON that ends in the middle."""
    conn.sendall(answer(200, b'{"status":"success","data":[{"labels":{"job":"j","x":"\\ud83'))
    return True


def unknown(conn, request, _options):
    """Trouble of which nobody can say where it comes from."""
    path = request.path
    text = b'collected metric "x" { untyped:<value:1 > } is odd\n'
    conn.sendall(answer(500 if path.endswith("/metrics") and "/api/" not in path else 404, text))
    return True


def empty(conn, request, _options):
    """Nothing, and thus nothing wrong."""
    metrics = b'{"status":"success","data":[]}' if "/api/" in request.path else b"a 1\n"
    conn.sendall(answer(200, metrics))
    return True


mode_claims_unknown = claims(unknown)
mode_claims_clock = claims(empty, ["Date: Mon, 20 Jul 2099 10:00:00 GMT"])
mode_claims_huge = claims(mode_huge)
mode_claims_slow = claims(mode_slow)
mode_claims_binary = claims(mode_binary)
mode_claims_cut = claims(mode_cut)
mode_claims_hostile = claims(hostile)
mode_claims_deep = claims(deep)
mode_claims_half = claims(half)


def mode_hidden(conn, request, _options):
    """A proxy that lets pushes through and no more."""
    push = "/metrics/job/" in request.path
    conn.sendall(answer(404 if not push else 405 if request.method == "GET" else 200))
    return True


def mode_lenient(conn, request, _options):
    """Takes pushes with 204, and has nothing at any other path, as databases do."""
    push = "/metrics/job/" in request.path and request.method == "POST"
    conn.sendall(answer(204 if push else 404, b"" if push else b"unsupported path requested\n"))
    return True


def mode_early(_conn, _request, _options):
    """400 before the body was read: see serve()."""
    return False


MODES = {name[5:]: f for name, f in globals().items() if name.startswith("mode_")}


def serve(conn, number, options, lock):
    stream = conn.makefile("rb")
    while True:
        request = Request(stream)
        if request.mode == "early":
            conn.sendall(answer(400, b"text format parsing error in line 3\n",
                                ["Connection: close"]))
            return
        request.read_body(stream)
        if options.record:
            with lock, open(options.record, "a", encoding="ascii") as out:
                out.write(request.as_json(number))
        if request.mode in MODES:
            if not MODES[request.mode](conn, request, options):
                return
            continue
        status = int(request.mode) if request.mode.isdigit() else 200
        where = ["Location: /elsewhere?a=b"] if 300 <= status < 400 else []
        text = f"status {status} it is\nand a second line\n" if status >= 300 else ""
        conn.sendall(answer(status, b"" if status == 204 else text.encode(), where))


def shake_hands(conn, context):
    """TLS. One that fails ends politely: an alert that a reset overtakes is never read."""
    tls = context.wrap_socket(conn, server_side=True, do_handshake_on_connect=False)
    try:
        tls.do_handshake()
    except OSError:
        with socket.socket(fileno=tls.detach()) as raw:
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass
        raise
    return tls


def handle(conn, number, options, context, lock):
    try:
        if context:
            conn = shake_hands(conn, context)
        serve(conn, number, options, lock)
    except (OSError, EOFError, ValueError):
        pass
    finally:
        conn.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", help="append each request to this file as a line of JSON")
    parser.add_argument("--basic", default="user:password", help="for the mode basic")
    parser.add_argument("--bearer", default="token", help="for the mode bearer")
    parser.add_argument("--cert", help="speak TLS with this certificate and key (PEM)")
    parser.add_argument("--client-ca", help="demand a client certificate of this authority")
    options = parser.parse_args()
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert)
        if options.client_ca:
            context.load_verify_locations(options.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED

    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
    lock = threading.Lock()
    number = 0
    while True:
        conn, _ = listener.accept()
        number += 1
        threading.Thread(target=handle, args=(conn, number, options, context, lock),
                         daemon=True).start()


if __name__ == "__main__":
    main()
