#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A receiver for Alertmanager's webhooks, on a port of its own choice. Each alert of each message is a
line of JSON on stdout: path, receiver, status, labels, annotations. The port is the first line. It
ends when its stdin does.
"""
import http.server
import json
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in message["alerts"]:
            print(json.dumps({"path": self.path, "receiver": message["receiver"],
                              **{key: alert[key] for key in ("status", "labels", "annotations")}}),
                  flush=True)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
