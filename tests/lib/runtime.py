#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The socket of a container runtime that speaks as much of Docker's language as is asked of it.

usage: runtime.py DIR

Listens on DIR/sock and says "ready". DIR/ID.json is what it says of a container, DIR/list.json of
all; DIR/mode how it does so, in one word, read at each request:

    ok     as Docker does, chunked
    hang   never
    drip   a byte now and then, for ever
    huge   a good beginning, and then a gigabyte
    cut    ends within the answer
    junk   no HTTP at all
    500    that status

Each request is a line in DIR/requests.
"""
import os
import socket
import sys
import threading
import time


def answer(connection, directory, target):
    path = os.path.join(directory, "list.json")
    if target != "/containers/json":
        path = os.path.join(directory, os.path.basename(os.path.dirname(target)) + ".json")
    with open(os.path.join(directory, "mode"), encoding="ascii") as file:
        mode = file.read().strip()
    status, body = "200 OK", b""
    try:
        with open(path, "rb") as file:
            body = file.read()
    except FileNotFoundError:
        status, body = "404 Not Found", b'{"message":"No such container"}'
    if mode == "500":
        status = "500 Internal Server Error"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n".encode()
    if mode == "hang":
        time.sleep(3600)
    elif mode == "drip":
        connection.sendall(head + b"Content-Length: 1000000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)
    elif mode == "huge":
        connection.sendall(head + b"Content-Length: 1073741824\r\n\r\n" + body)
        while True:
            connection.sendall(b" " * 65536)
    elif mode == "cut":
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:len(body) // 2])
        return False
    elif mode == "junk":
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        return False
    else:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n"
                           + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
    return True


def serve(connection, directory):
    received = b""
    try:
        while True:
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            request, received = received.split(b"\r\n\r\n", 1)
            target = request.split(b" ")[1].decode()
            with open(os.path.join(directory, "requests"), "a", encoding="ascii") as file:
                file.write(target + "\n")
            if not answer(connection, directory, target):
                return
    except OSError:
        pass
    finally:
        connection.close()


def main():
    directory = sys.argv[1]
    listener = socket.socket(socket.AF_UNIX)
    # A path that is short, wherever the test's directory lies.
    os.chdir(directory)
    listener.bind("sock")
    listener.listen(16)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, directory), daemon=True).start()


main()
