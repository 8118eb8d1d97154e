#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An endpoint as people write one in an afternoon: what some switches tell, as metrics.

The telemetry is made up, and grows with time. The page is put together port by port, as the
answers of the switches would come in, and so has all that such pages have and that the Prometheus
text format does not want: families scattered over the page, HELP and TYPE once for each port, and a
timestamp in milliseconds behind each value.

    switch_exporter.py [--listen 127.0.0.1:9900] [--switches 2] [--ports 8]

With port 0 the system chooses one; where it listens is the first line that is written.
"""

import argparse
import http.server
import math
import time

# Name, type, help, and what a port has of it after so many seconds.
PORT_METRICS = (
    ("switch_port_up", "gauge", "1 when the port has a link.",
     lambda port, age: int(port % 5 != 4)),
    ("switch_port_speed_bits_per_second", "gauge", "What the port has negotiated.",
     lambda port, age: 1e9 if port % 3 else 1e10),
    ("switch_port_receive_bytes_total", "counter", "Bytes that the port received.",
     lambda port, age: math.floor(age * 12345.0) * (port + 1)),
    ("switch_port_transmit_bytes_total", "counter", "Bytes that the port sent.",
     lambda port, age: math.floor(age * 2345.0) * (port + 1)),
    ("switch_port_errors_total", "counter", "Frames with a wrong checksum.",
     lambda port, age: math.floor(age / 60) if port == 3 else 0),
    ("switch_port_light_dbm", "gauge", "What comes in at the transceiver; NaN without one.",
     lambda port, age: -2.5 - port / 8 if port % 3 == 0 else math.nan),
)


def switch_lines(switch, ports, age, stamp):
    """What one switch says: port by port, and its own state in between."""
    for port in range(ports):
        labels = f'switch="{switch}",port="{port + 1}"'
        for name, kind, text, value in PORT_METRICS:
            yield f"# HELP {name} {text}"
            yield f"# TYPE {name} {kind}"
            yield f"{name}{{{labels}}} {value(port, age)} {stamp}"
        if port == ports // 2:
            yield "# HELP switch_temperature_celsius Of the sensors in the case."
            yield "# TYPE switch_temperature_celsius gauge"
            for sensor in ("inlet", "asic"):
                degrees = 31.5 + 20 * (sensor == "asic")
                labels = f'switch="{switch}",sensor="{sensor}"'
                yield f"switch_temperature_celsius{{{labels}}} {degrees} {stamp}"
    # A histogram whose parts stand wherever they happen to.
    name = "switch_poll_seconds"
    yield f"# TYPE {name} histogram"
    yield f'{name}_count{{switch="{switch}"}} 7 {stamp}'
    for bound, count in (("0.01", 2), ("0.1", 6), ("+Inf", 7)):
        yield f'{name}_bucket{{switch="{switch}",le="{bound}"}} {count} {stamp}'
    yield f"# HELP {name} How long the switch took to answer."
    yield f'{name}_sum{{switch="{switch}"}} 0.75 {stamp}'


def page(options):
    now = time.time()
    age = now - options.begun
    stamp = int(now * 1000)
    lines = []
    for i in range(options.switches):
        lines.extend(switch_lines(f"sw{i + 1}", options.ports, age, stamp))
    lines.append("# TYPE switch_exporter_info gauge")
    lines.append('switch_exporter_info{version="0.1",note="a \\"quoted\\" word"} 1')
    return "\n".join(lines) + "\n"


def handler(options):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.split("?")[0] != "/metrics":
                self.send_error(404)
                return
            body = page(options).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", default="127.0.0.1:9900", metavar="HOST:PORT")
    parser.add_argument("--switches", type=int, default=2)
    parser.add_argument("--ports", type=int, default=8)
    parser.add_argument("--begun", type=float, default=time.time(), metavar="UNIX-TIME",
                        help="since when the counters count")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), handler(options))
    print("listening on http://%s:%d/metrics" % server.server_address, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
