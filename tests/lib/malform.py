# SPDX-License-Identifier: Apache-2.0
"""Damages files below HOST in turn and samples: malform.py PEEKPUSH HOST WHAT.

WHAT is PART/PARTS, of all files with all collectors, or COLLECTOR,... that alone are asked.
"""
import os
import re
import subprocess
import sys

LINE = re.compile(
    rb'^(#.*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)*\})?'
    rb" (NaN|[+-]Inf|-?[0-9.]+(e[+-]?[0-9]+)?))$"
)

# Files that are all a collector has: when nothing in them makes sense, it has to say so.
ONLY_SOURCE = {
    "proc/loadavg": ["loadavg"],
    "proc/meminfo": ["meminfo"],
    "proc/net/softnet_stat": ["softnet"],
    "proc/pressure/cpu": ["pressure"],
    "proc/pressure/io": ["pressure"],
    "proc/pressure/irq": ["pressure"],
    "proc/pressure/memory": ["pressure"],
    "proc/schedstat": ["schedstat"],
    "proc/stat": ["cpu", "stat"],
    "proc/sys/fs/file-nr": ["filefd"],
    "proc/sys/kernel/random/entropy_avail": ["entropy"],
    "proc/sys/kernel/random/poolsize": ["entropy"],
    "proc/sys/net/netfilter/nf_conntrack_count": ["conntrack"],
    "proc/sys/net/netfilter/nf_conntrack_max": ["conntrack"],
    "proc/net/stat/nf_conntrack": ["conntrack"],
    "proc/net/ip_vs_stats": ["ipvs"],
    "proc/net/rpc/nfs": ["nfs"],
    "proc/net/rpc/nfsd": ["nfsd"],
    "proc/net/xfrm_stat": ["xfrm"],
    "proc/vmstat": ["vmstat"],
    "root/etc/os-release": ["os"],
    "sys/devices/system/clocksource/clocksource0/available_clocksource": ["time"],
    "sys/devices/system/clocksource/clocksource0/current_clocksource": ["time"],
    "sys/fs/selinux/enforce": ["selinux"],
}
# Words mean nothing wrong in these; only an empty one does.
ANY_WORD = {"os", "time"}

# What may stand in a file's place, and what a short value is tried with.
REPLACED = ["gone", "a FIFO", "a directory"]
SHORT = ["empty", "gone", "garbled", "a directory", "huge numbers"]


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


def unnoticed(run, names, path, how):
    """A collector that takes nonsense for success, or does not name the file."""
    if how not in ("empty", "garbled", "digits gone", "a directory"):
        return None
    for name in ONLY_SOURCE.get(path, []):
        if name in ANY_WORD and how not in ("empty", "a directory"):
            continue
        if name not in names:
            continue
        if b'node_scrape_collector_success{collector="%s"} 0' % name.encode() not in run.stdout:
            return f"{path}, {how}: {name} calls it a success"
        who = b"collector %s:" % name.encode()
        said = [line for line in run.stderr.splitlines() if who in line]
        if len(said) != 1 or path.split("/")[-1].encode() not in said[0]:
            return f"{path}, {how}: {name} says {said!r}"
    return None


def regular_files(host):
    for folder, _, files in os.walk(host):
        for name in sorted(files):
            path = os.path.join(folder, name)
            if not os.path.islink(path) and os.access(path, os.R_OK):
                yield path


def remove(path):
    if os.path.isdir(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


def put(path, how, data):
    remove(path)
    if how == "a FIFO":
        os.mkfifo(path)
    elif how == "a directory":
        os.mkdir(path)
    elif how != "gone":
        with open(path, "wb") as file:
            file.write(data)


class Trial:
    def __init__(self, peekpush, host, what):
        self.peekpush, self.host = peekpush, host
        self.part, _, self.parts = what.partition("/")
        self.roots = []
        for option, name in (("procfs", "proc"), ("sysfs", "sys"), ("rootfs", "root"),
                             ("udev", "udev")):
            self.roots += [f"--{option}", os.path.join(host, name)]
        self.names = [*self.part.split(","), "loadavg"]
        if self.parts:
            self.names = collectors(peekpush, self.roots)
        self.tried = self.turn = 0
        self.failures = [f"{path}: no fixture has it" for path in ONLY_SOURCE
                         if self.parts and not os.path.exists(os.path.join(host, path))]

    def damages(self, below, data):
        every = list(damages(data)) + [(how, b"") for how in REPLACED]
        if len(data) >= 40 or below in ONLY_SOURCE:
            return every
        # Attribute files by the hundred, each with few readers and few ways to be wrong: each
        # gets two of these, in turn.
        self.turn += 1
        chosen = {SHORT[self.turn % len(SHORT)], SHORT[(self.turn + 2) % len(SHORT)]}
        return [(how, damaged) for how, damaged in every if how in chosen]

    def file(self, path):
        below = os.path.relpath(path, self.host)
        mode = os.stat(path).st_mode & 0o777
        with open(path, "rb") as file:
            data = file.read()
        for how, damaged in self.damages(below, data):
            put(path, how, damaged)
            run = sample(self.peekpush, self.roots, self.names)
            problem = check(run, f"{below}, {how}") or unnoticed(run, self.names, below, how)
            self.tried += 1
            if problem:
                self.failures.append(problem)
        put(path, "as it was", data)
        os.chmod(path, mode)


def main():
    trial = Trial(*sys.argv[1:])
    paths = sorted(regular_files(trial.host))
    if trial.parts:
        paths = paths[int(trial.part) :: int(trial.parts)]
    for path in paths:
        trial.file(path)
    print("\n".join(trial.failures[:20]))
    print(f"{trial.tried} damaged files, {len(trial.failures)} failures")
    sys.exit(1 if trial.failures or not trial.tried else 0)


main()
