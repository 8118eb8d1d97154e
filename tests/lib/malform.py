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
    "proc/vmstat": ["vmstat"],
    "root/etc/os-release": ["os"],
    "sys/devices/system/clocksource/clocksource0/available_clocksource": ["time"],
    "sys/devices/system/clocksource/clocksource0/current_clocksource": ["time"],
    "sys/fs/selinux/enforce": ["selinux"],
}
# Words mean nothing wrong in these; only an empty one does.
ANY_WORD = {"os", "time"}


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


def unnoticed(run, path, how):
    """A collector that takes nonsense for success, or does not name the file."""
    if how not in ("empty", "garbled", "digits gone", "a directory"):
        return None
    for name in ONLY_SOURCE.get(path, []):
        if name in ANY_WORD and how not in ("empty", "a directory"):
            continue
        if b'node_scrape_collector_success{collector="%s"} 0' % name.encode() not in run.stdout:
            return f"{path}, {how}: {name} calls it a success"
        said = [line for line in run.stderr.splitlines() if b"collector %s:" % name.encode() in line]
        if len(said) != 1 or path.split("/")[-1].encode() not in said[0]:
            return f"{path}, {how}: {name} says {said!r}"
    return None


def main():
    peekpush, host = sys.argv[1:]
    roots = []
    for option, name in (("procfs", "proc"), ("sysfs", "sys"), ("rootfs", "root"), ("udev", "udev")):
        roots += [f"--{option}", os.path.join(host, name)]
    names = collectors(peekpush, roots)
    unused = [path for path in ONLY_SOURCE if not os.path.exists(os.path.join(host, path))]
    failures = [f"{path}: no fixture has it" for path in unused]
    tried = 0

    def attempt(path, how):
        nonlocal tried
        run = sample(peekpush, roots, names)
        below = os.path.relpath(path, host)
        problem = check(run, f"{below}, {how}") or unnoticed(run, below, how)
        tried += 1
        if problem:
            failures.append(problem)

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
            short = len(data) < 40
            if short:
                variants = [v for v in variants if v[0] in ("empty", "garbled", "huge numbers")]
            for how, damaged in variants:
                with open(path, "wb") as file:
                    file.write(damaged)
                attempt(path, how)
            os.unlink(path)
            attempt(path, "gone")
            if not short:
                os.mkfifo(path)
                attempt(path, "a FIFO")
                os.unlink(path)
            os.mkdir(path)
            attempt(path, "a directory")
            os.rmdir(path)
            with open(path, "wb") as file:
                file.write(data)
            os.chmod(path, mode)
    print("\n".join(failures[:20]))
    print(f"{tried} damaged files, {len(failures)} failures")
    sys.exit(1 if failures or not tried else 0)


main()
