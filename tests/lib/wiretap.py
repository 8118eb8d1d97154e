#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands between a program and the endpoints it asks, and keeps what went over the wire.

    wiretap.py DIR NAME=HOST:PORT...

For each NAME a port of 127.0.0.1, written to DIR/NAME.port. What the last connection's client said
goes to DIR/NAME.asked, what it was answered to DIR/NAME.answer, as bytes. It ends with its parent.
"""

import ctypes
import os
import signal
import socket
import sys
import threading


def pump(source, sink, path):
    with open(path, "wb") as record:
        while data := source.recv(65536):
            record.write(data)
            record.flush()
            sink.sendall(data)
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(listener, address, base):
    while True:
        client, _ = listener.accept()
        with client, socket.create_connection(address) as server:
            up = threading.Thread(target=pump, args=(client, server, base + ".asked"), daemon=True)
            up.start()
            pump(server, client, base + ".answer")
            up.join()


def main():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    folder = sys.argv[1]
    for word in sys.argv[2:]:
        name, address = word.split("=")
        host, port = address.rsplit(":", 1)
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=(listener, (host, int(port)), f"{folder}/{name}"),
                         daemon=True).start()
        with open(f"{folder}/{name}.new", "w") as file:
            file.write(str(listener.getsockname()[1]))
        os.rename(f"{folder}/{name}.new", f"{folder}/{name}.port")
    threading.Event().wait()


main()
