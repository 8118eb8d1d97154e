# SPDX-License-Identifier: Apache-2.0
"""Damages each file below HOST in turn and samples: malform.py PEEKPUSH HOST."""
import os
import re
import subprocess
import sys

LINE = re.compile(
    rb'^(#.*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)*\})?'
    rb" (NaN|[+-]Inf|-?[0-9.]+(e[+-]?[0-9]+)?))$"
)


def damages(data):
    yield "empty", b""
    yield "cut", data[: len(data) * 2 // 3]
    yield "no line end", data.rstrip(b"\n")
    yield "garbled", bytes((b * 7 + 13) & 0xFF for b in data)
    yield "digits gone", re.sub(rb"[0-9]+", b"x", data)
    yield "huge numbers", re.sub(rb"[0-9]+", b"99999999999999999999999", data)
    yield "negative", re.sub(rb"(?<![0-9a-f])([0-9])", rb"-\1", data)
    yield "twice", data + data
    yield "one long line", data.replace(b"\n", b" ")
    yield "NULs", data.replace(b" ", b"\0")


def collectors(peekpush, roots):
    out = subprocess.run([peekpush, *roots, "list"], capture_output=True, check=True).stdout
    return [line.split(b"\t")[0].decode() for line in out.splitlines()[1:]]


def sample(peekpush, roots, names):
    return subprocess.run(
        [peekpush, *roots, "collect", "--collectors", ",".join(names)],
        capture_output=True,
        timeout=60,
        check=False,
    )


def check(run, what):
    if run.returncode != 0:
        return f"{what}: exit {run.returncode}: {run.stderr[-2000:].decode(errors='replace')}"
    for line in run.stdout.splitlines():
        if not LINE.match(line):
            return f"{what}: not an exposition line: {line[:200]!r}"
    if b'node_scrape_collector_success{collector="loadavg"}' not in run.stdout:
        return f"{what}: the other collectors are missing"
    return None


def main():
    peekpush, host = sys.argv[1:]
    roots = []
    for option, name in (("procfs", "proc"), ("sysfs", "sys"), ("rootfs", "root"),
                         ("udev", "udev")):
        roots += [f"--{option}", os.path.join(host, name)]
    names = collectors(peekpush, roots)
    tried = 0
    failures = []
    for folder, _, files in os.walk(host):
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.access(path, os.R_OK):
                continue
            with open(path, "rb") as file:
                data = file.read()
            mode = os.stat(path).st_mode & 0o777
            os.chmod(path, 0o644)
            variants = list(damages(data))
            # Attribute files by the hundred: one short value has few ways to be wrong.
            if len(data) < 40:
                variants = variants[:1] + variants[3:7]
            for how, damaged in variants:
                with open(path, "wb") as file:
                    file.write(damaged)
                problem = check(sample(peekpush, roots, names), f"{path[len(host):]}, {how}")
                tried += 1
                if problem:
                    failures.append(problem)
            os.unlink(path)
            os.mkfifo(path)
            problem = check(sample(peekpush, roots, names), f"{path[len(host):]}, a FIFO")
            if problem:
                failures.append(problem)
            os.unlink(path)
            with open(path, "wb") as file:
                file.write(data)
            os.chmod(path, mode)
    print("\n".join(failures[:20]))
    print(f"{tried} damaged files, {len(failures)} failures")
    sys.exit(1 if failures or not tried else 0)


main()
