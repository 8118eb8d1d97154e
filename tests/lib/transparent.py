#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# transparent.py PEEKPUSH SCRATCH COUNT [SEED [CASE]]
#
# Runs COUNT random commands with and without `peekpush run` and compares status, output bytes and
# side effects. A failure prints the seed and the number of the case, which replay it.

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys

PEEKPUSH, SCRATCH, COUNT = sys.argv[1], os.path.abspath(sys.argv[2]), int(sys.argv[3])
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 20240607
LIMIT_SECONDS = 120
# Not all of ours: a failure prints what differs, and logs are no place for others' secrets.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name in ("PATH", "HOME", "LC_ALL", "ASAN_OPTIONS") or name.startswith("PEEKPUSH")}
STOPS = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
SIGNALS = [n for n in range(1, 65) if n not in STOPS]

# What a process can know of itself, less what tells one process from another.
LOOK = r"""
umask; pwd; ulimit -a
grep -E '^(Umask|Uid|Gid|Groups|Sig(Blk|Ign|Cgt)|Cap|NoNewPrivs|Seccomp|Cpus_allowed_list|Mems)' \
	/proc/self/status
cat /proc/self/limits /proc/self/oom_score_adj /proc/self/coredump_filter /proc/self/personality
cut -d' ' -f5-8,18,19,40,41 /proc/self/stat
readlink /proc/self/ns/* /proc/self/root
cat /proc/self/timerslack_ns
ls -l /proc/self/fd | sed 's/.* \([0-9]* -> .*\)/\1/; s,/proc/[0-9]*,/proc/N,'
"""


class Case:
    """One command in one environment; made from the seed and the number alone."""

    def __init__(self, number):
        self.rng = rng = random.Random(f"{SEED}/{number}")
        self.stdin = b""
        self.fails = False
        self.nohup = self.blocked = self.closed = self.fds = ()
        self.umask = self.nice = self.core = None
        self.limits = {}
        self.env = {}
        self.orphans = False
        kinds = [self.status, self.death, self.death, self.filter, self.look, self.look,
                 self.closing, self.cannot, self.arguments, self.environment, self.files,
                 self.shared_input, self.handler, self.orphan, self.pipes]
        self.kind = kinds[number % len(kinds)]
        self.argv = ["true"]
        self.surroundings(rng)
        self.kind(rng)

    def surroundings(self, rng):
        catchable = [n for n in SIGNALS if n not in (9, 32, 33)]
        if rng.random() < 0.3:
            self.nohup = rng.sample(catchable + [signal.SIGCHLD, signal.SIGPIPE], rng.randint(1, 6))
        if rng.random() < 0.2:
            self.blocked = rng.sample(catchable, rng.randint(1, 4))
        if rng.random() < 0.3:
            self.umask = rng.choice([0, 0o22, 0o27, 0o77])
        if rng.random() < 0.2:
            self.nice = rng.randint(1, 19)
        if rng.random() < 0.3:
            self.limits = {resource.RLIMIT_NOFILE: (rng.randint(24, 900), 1024),
                           resource.RLIMIT_STACK: (8 << 20, rng.choice([8 << 20, 1 << 30]))}
        if rng.random() < 0.2:
            self.fds = sorted(rng.sample(range(10, 23), rng.randint(1, 5)))

    def sh(self, script, *args):
        self.argv = ["sh", "-c", script, "sh", *args]

    def status(self, rng):
        self.sh(f"exit {rng.randint(0, 255)}")

    def death(self, rng):
        n = rng.choice(SIGNALS)
        self.nohup = self.blocked = ()
        if rng.random() < 0.5:
            self.core = (64 << 20, 64 << 20)
        self.argv = [sys.executable, "-ISc",
                     f"import os\nos.write(1, b'before')\nos.kill(os.getpid(), {n})\n"
                     "os.write(1, b'after')"]

    def filter(self, rng):
        self.stdin = rng.randbytes(rng.choice([0, 1, 4096, 65537, 300000]))
        self.sh(rng.choice(["cat", "cat >&2", "tee /dev/stderr", "tr a-z A-Z", "head -c 100",
                            "od -c | tail -3; exit 4", "exec 0<&-; exit 9"]))

    def look(self, rng):
        self.sh(LOOK)

    def closing(self, rng):
        self.closed = [fd for fd in range(3) if rng.random() < 0.6]
        self.sh(LOOK + "cat; echo out; echo err >&2; exit 7")

    def cannot(self, rng):
        self.fails = True
        self.argv = [rng.choice(["./absent", "absent-from-path", "./plain", ".", "./interpreter",
                                 "./script", "", "./loop", "./plain/below", "./" + "x" * 300,
                                 "/", "./broken"]), "a b", "c"]

    def arguments(self, rng):
        words = [bytes(rng.choices(range(1, 256), k=rng.choice([0, 1, 5, 50])))
                 for _ in range(rng.choice([0, 1, 7, 300]))]
        words += rng.sample([b"--", b"--help", b"-c", b"--job", b"", b"\n", b"-"], 3)
        self.argv = ["printf", r"%s\0", *words]

    def environment(self, rng):
        self.env = {f"V{rng.randint(0, 99)}": "".join(rng.choices("aä= \n$*", k=rng.randint(0, 40)))
                    for _ in range(rng.randint(0, 30))}
        self.argv = ["env", "-0"]

    def files(self, rng):
        self.sh("mkdir d; echo $RANDOM$0 >d/a; mkfifo d/f; ln -s a d/l; : >d/b; chmod 4711 d/b; "
                f"touch -d @{rng.randint(0, 1 << 30)} d/b; cd d; pwd >c")

    def shared_input(self, rng):
        self.stdin = b"".join(b"%d\n" % rng.randint(0, 10 ** 9) for _ in range(50))
        self.sh("for i in 1 2 3; do read -r line; echo $line; done; exit 3")

    def handler(self, rng):
        n = rng.choice([1, 2, 3, 10, 12, 14, 15])
        self.nohup = self.blocked = ()
        self.sh(f"trap 'echo caught; exit 5' {n}; kill -{n} $$; echo no")

    def orphan(self, rng):
        self.orphans = True
        self.sh(f"(sleep 0.{rng.randint(1, 3)}; echo late) & echo soon; exit {rng.randint(0, 255)}")

    def pipes(self, rng):
        self.nohup = [] if rng.random() < 0.5 else [signal.SIGPIPE]
        self.sh("yes 2>/dev/null | head -n 5; yes | (sleep 0.01); echo $?; "
                "exec head -c 200000 /dev/zero")

    def prepare(self):
        for n in SIGNALS:
            if n not in (9, 32, 33):
                signal.signal(n, signal.SIG_IGN if n in self.nohup else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.blocked)
        if self.umask is not None:
            os.umask(self.umask)
        if self.nice:
            os.nice(self.nice)
        resource.setrlimit(resource.RLIMIT_CORE, self.core or (0, 64 << 20))
        for limit, value in self.limits.items():
            resource.setrlimit(limit, value)
        for fd in self.closed:
            os.close(fd)

    def run(self, wrapper):
        """What came of it, all of it comparable."""
        place = f"{SCRATCH}/place"
        shutil.rmtree(place, ignore_errors=True)
        os.mkdir(place)
        furnish(place)
        argv = wrapper + self.argv if wrapper else ["env", *self.argv] if self.fails else self.argv
        with open(f"{SCRATCH}/input", "wb+") as stdin, open(f"{SCRATCH}/other", "wb") as other:
            stdin.write(self.stdin)
            stdin.seek(0)
            for fd in self.fds:
                os.dup2(other.fileno(), fd)
            child = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, cwd=place,
                                     stderr=subprocess.PIPE, preexec_fn=self.prepare,
                                     pass_fds=self.fds, restore_signals=False,
                                     env={**ENVIRONMENT, **self.env})
            for fd in self.fds:
                os.close(fd)
            try:
                out, err = child.communicate(timeout=LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                return {"time": "it does not end"}
            offset = stdin.tell() if self.closed else os.lseek(stdin.fileno(), 0, os.SEEK_CUR)
        if self.orphans:
            # Who of them speaks first is nobody's word but the scheduler's.
            out = b"\n".join(sorted(out.split(b"\n")))
        status = child.returncode
        return {"status": status, "stdout": tidy(out), "stderr": b"" if self.fails else tidy(err),
                "files": listing(place), "input read": offset}


def furnish(place):
    def put(name, text, mode):
        with open(f"{place}/{name}", "w") as f:
            f.write(text)
        os.chmod(f"{place}/{name}", mode)

    put("plain", "no program\n", 0o644)
    put("interpreter", "#!/absent/interpreter\n", 0o755)
    put("script", "echo a script without a first line \"$@\"\nexit 6\n", 0o755)
    put("broken", "\x7fELF broken", 0o755)
    os.symlink("loop", f"{place}/loop")


def tidy(data):
    """Without our own variables, and pipes and processes of this one run by no number."""
    data = re.sub(rb"(?m)^PEEKPUSH_[^\0]*\0|(?<=\0)PEEKPUSH_[^\0]*\0", b"", data)
    return re.sub(rb"(pipe|socket):\[\d+\]", rb"\1", data)


def listing(place):
    found = []
    for folder, folders, files in os.walk(place):
        for name in folders + files:
            path = f"{folder}/{name}"
            st = os.lstat(path)
            name = re.sub(r"^core\.\d+$", "core", os.path.relpath(path, place))
            data = b""
            if os.path.isfile(path) and not os.path.islink(path) and not name.startswith("core"):
                with open(path, "rb") as f:
                    data = f.read()
            found.append((name, oct(st.st_mode), data))
    return sorted(found)


def difference(a, b):
    for key in sorted(set(a) | set(b)):
        if a.get(key) != b.get(key):
            x, y = a.get(key), b.get(key)
            if isinstance(x, bytes) and isinstance(y, bytes):
                x, y = ([line for line in one.split(b"\n") if line not in other.split(b"\n")]
                        for one, other in ((x, y), (y, x)))
            return f"{key}: {str(x)[:600]}\n#   wrapped: {str(y)[:600]}"
    return None


def main():
    os.makedirs(SCRATCH, exist_ok=True)
    numbers = [int(sys.argv[5])] if len(sys.argv) > 5 else range(COUNT)
    failed = 0
    for number in numbers:
        case = Case(number)
        wrapper = [PEEKPUSH, "run", "--"]
        why = difference(case.run(None), case.run(wrapper))
        if why:
            failed += 1
            print(f"# seed {SEED}, case {number} ({case.kind.__name__}) {case.argv!r:.300}\n"
                  f"#   {why}\n#   ignored {list(case.nohup)} blocked {list(case.blocked)} "
                  f"closed {list(case.closed)} limits {case.limits}")
    text = f"{len(numbers)} random commands are the same with and without run"
    print(f"{'not ok' if failed else 'ok'} 1 - {text}\n1..1")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
