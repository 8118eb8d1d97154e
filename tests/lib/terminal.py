#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# terminal.py PEEKPUSH SCRATCH [PART OF A NAME]: `peekpush run` between a terminal, a shell with
# job control, and interactive programs. TAP on stdout.

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import termios
import time

PEEKPUSH, SCRATCH = sys.argv[1], os.path.abspath(sys.argv[2])
# "env": without a wrapper, to see what the tests themselves expect of a shell.
RUN = "env" if PEEKPUSH == "env" else f"{PEEKPUSH} run --"
PATIENCE = 60

# Writes down every signal it gets and is otherwise not impressed; it ends when there is a
# file of that name with .quit, for it must not read from the terminal when in the background.
COUNTER = """
import os, signal, sys, time
def note(number, frame):
    with open(sys.argv[1], "a") as f: f.write("%d\\n" % number)
for n in map(int, sys.argv[2].split(",")): signal.signal(n, note)
print("counter", os.getpid(), "is ready", flush=True)
while not os.path.exists(sys.argv[1] + ".quit"): time.sleep(0.02)
"""


class Broken(Exception):
    pass


class Terminal:
    """A program that leads a session on a terminal of its own."""

    def __init__(self, *argv, **environment):
        self.text = ""
        self.ended = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for n in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGHUP):
                signal.signal(n, signal.SIG_DFL)
            os.environ.update(environment, TERM="vt100", PS1="OUTER> ", HISTFILE="")
            os.execvp(argv[0], argv)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Ends all that is left of the session, and nothing else."""
        if self.fd >= 0:
            os.close(self.fd)
        for process in session(self.pid):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.ended is None:
            os.waitpid(self.pid, 0)

    def send(self, text):
        os.write(self.fd, text.encode())

    def line(self, text):
        self.send(text + "\n")

    def expect(self, pattern):
        """Waits for a match and forgets everything up to its end."""
        deadline = time.monotonic() + PATIENCE
        while True:
            match = re.search(pattern, self.text)
            if match:
                self.text = self.text[match.end():]
                return match
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise Broken(f"no {pattern!r} in {self.text[-400:]!r}")

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.text += data.decode(errors="replace").replace("\r", "")
        return bool(data)

    def command(self, text, pattern):
        """A line for the shell; the match of the pattern in what follows its echo."""
        self.line(text)
        self.expect(re.escape(text[-20:]) + r"\n")
        return self.expect(pattern)

    def key(self, key, name):
        """A key for a program that has the terminal now; before, it would be for another."""
        def has_terminal():
            group = os.tcgetpgrp(self.fd)
            members = [p for p in session(self.pid) if (stat(p) or [0] * 4)[2] == group]
            # A shell gives the terminal away first and continues the job then, and what
            # continues it takes a stop back that has not come to effect.
            return (any(command_name(p) == name for p in members) and
                    not any(is_stopped(p) for p in members))
        until(f"{name} has the terminal", has_terminal)
        time.sleep(0.1)
        self.send(key)

    def prompt(self):
        self.expect(r"OUTER> $")

    def status(self):
        return int(self.command("echo status=$?.", r"status=(\d+)\.\n").group(1))

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self):
        """The status of the program itself, as subprocess has it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended = os.waitstatus_to_exitcode(status)
                return self.ended
            if self.fd >= 0:
                self.read(0.05)
            else:
                time.sleep(0.05)
        raise Broken(f"it does not end: {self.text[-400:]!r}")


def shell():
    """An outer bash with job control, at its prompt."""
    terminal = Terminal("bash", "--norc", "--noprofile", "--noediting", "-i")
    terminal.prompt()
    return terminal


def stat(pid):
    """State, parent, group, session; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1]), int(fields[2]), int(fields[3])


def command_name(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except OSError:
        return ""


def session(leader):
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and (stat(p) or "    ")[3] == leader]


def until(what, question):
    deadline = time.monotonic() + PATIENCE
    while not question():
        if time.monotonic() > deadline:
            raise Broken(what)
        time.sleep(0.02)


def is_stopped(pid):
    return (stat(pid) or " ")[0] == "T"


def same(got, want, what):
    if got != want:
        raise Broken(f"{what}: {got!r}, want {want!r}")


def counted(name):
    try:
        with open(f"{SCRATCH}/{name}", encoding="ascii") as f:
            return [int(line) for line in f]
    except FileNotFoundError:
        return []


def start_counter(terminal, name, *signals):
    """Types that; the pid of the CMD."""
    script = f"{SCRATCH}/{name}.sh"
    with open(script, "w", encoding="ascii") as f:
        f.write(f"exec {RUN} {sys.executable} -Sc '{COUNTER}' {SCRATCH}/{name} " +
                ",".join(str(int(s)) for s in signals))
    terminal.line(f"bash {script}")
    return int(terminal.expect(r"counter (\d+) is ready").group(1))


def finish_counter(terminal, name):
    time.sleep(0.1)
    with open(f"{SCRATCH}/{name}.quit", "w", encoding="ascii"):
        pass
    terminal.prompt()


# --- the tests: functions whose sentence is their name


def vi():
    """vi edits a file and its screen follows a new size"""
    path = f"{SCRATCH}/edited"
    with shell() as t:
        t.resize(24, 80)
        t.line(f"{RUN} vi -u NONE -N {path}")
        t.expect(r'"[^"]*edited"')
        t.resize(40, 100)
        time.sleep(0.2)
        t.send("ione\rtwo\x1b:r !stty size\r")
        t.expect("40 100")
        t.send("\x1a")
        t.expect(r"Stopped[^\n]*\n")
        t.prompt()
        t.line("fg")
        t.send("\x0c:wq\r")
        t.prompt()
        same(t.status(), 0, "status")
    with open(path, encoding="ascii") as f:
        same(f.read(), "one\ntwo\n40 100\n", "the file")


def python():
    """python3 -i answers, survives ^C, and ends with its own status"""
    with shell() as t:
        t.line(f"{RUN} {sys.executable} -i -q -S")
        t.expect(">>> ")
        t.line("6 * 7")
        t.expect(r"\n42\n>>> ")
        time.sleep(0.3)
        t.send("\x03")
        t.expect(r"KeyboardInterrupt\n>>> ")
        t.line("import time; print('a' + 'sleep'); time.sleep(99)")
        t.expect("asleep\n")
        time.sleep(0.1)
        t.send("\x03")
        t.expect(r"KeyboardInterrupt\n>>> ")
        t.send("\x04")
        t.prompt()
        # Python remembers that a statement was interrupted.
        same(t.status(), 130, "status")
        t.line(f"{RUN} {sys.executable} -i -q -S")
        t.expect(">>> ")
        t.line("raise SystemExit(9)")
        t.prompt()
        same(t.status(), 9, "status")


def bash():
    """bash has its job control inside: ^Z, jobs, bg, fg, ^C, and an exit status"""
    with shell() as t:
        t.line(f"PS1='INNER> ' {RUN} bash --norc --noprofile --noediting -i")
        t.expect("INNER> $")
        t.line("sleep 99")
        t.key("\x1a", "sleep")
        t.expect(r"\[1\]\+ +Stopped +sleep 99\nINNER> $")
        t.command("jobs", r"\[1\]\+ +Stopped +sleep 99\nINNER> $")
        t.command("bg", r"\[1\]\+ sleep 99 &\nINNER> $")
        t.command("jobs", r"\[1\]\+ +Running +sleep 99 &\nINNER> $")
        t.command("fg", r"sleep 99\n")
        t.key("\x03", "sleep")
        t.expect("INNER> $")
        t.command("echo $?", r"130\nINNER> $")
        t.line("exit 5")
        t.prompt()
        same(t.status(), 5, "status")


def suspend():
    """suspend in an inner bash gives the outer one the prompt, fg gives it back"""
    with shell() as t:
        t.line(f"PS1='INNER> ' {RUN} bash --norc --noprofile --noediting -i")
        t.expect("INNER> $")
        for _ in range(2):
            t.line("suspend")
            t.expect(r"\[1\]\+ +Stopped[^\n]*\n")
            t.prompt()
            t.line("fg")
            t.expect(r"bash[^\n]*\n")
            # A fresh prompt comes only for a line: bash has printed none while it was stopped.
            t.line("")
            t.expect("INNER> $")
            t.command("echo a$((40+2))", r"a42\nINNER> $")
        t.command("sleep 99 & kill %1; wait; echo done", r"done\n")
        t.line("exit 3")
        t.prompt()
        same(t.status(), 3, "status")


def stop():
    """^Z stops run and CMD, bg and fg continue them, ^C ends them"""
    with shell() as t:
        t.line(f"{RUN} sleep 99")
        t.key("\x1a", "sleep")
        t.expect(r"\[1\]\+ +Stopped [^\n]*sleep 99\n")
        t.prompt()
        same(t.status(), 148, "status of the stopped job")
        states = sorted(stat(p)[0] for p in session(t.pid) if p != t.pid)
        same(states.count("T"), 2, f"of run and CMD stand still ({states})")
        t.command("bg", r"\[1\]\+ [^\n]*sleep 99 &\n")
        t.prompt()
        t.command("jobs", r"Running [^\n]*sleep 99 &\n")
        t.prompt()
        until("both run", lambda: not any(is_stopped(p) for p in session(t.pid)))
        t.command("fg", r"sleep 99\n")
        t.key("\x1a", "sleep")
        t.expect(r"\[1\]\+ +Stopped [^\n]*sleep 99\n")
        t.prompt()
        t.command("fg", r"sleep 99\n")
        t.key("\x03", "sleep")
        t.prompt()
        same(t.status(), 130, "status")
        same(session(t.pid), [t.pid], "processes left")


def pipeline():
    """a pipeline with run in it stops and goes on as one"""
    go = f"{SCRATCH}/through"
    with shell() as t:
        t.line(f"{RUN} sh -c 'until [ -e {go} ]; do sleep 0.05; done; echo through' | "
               f"{RUN} cat | cat")
        until("all of it runs", lambda: [command_name(p) for p in session(t.pid)].count("cat") == 2)
        t.key("\x1a", "sh")
        t.expect(r"\[1\]\+ +Stopped [^\n]*\n")
        t.prompt()
        with open(go, "w", encoding="ascii"):
            pass
        t.line("fg")
        t.expect(r"\nthrough\n")
        t.prompt()
        same(t.status(), 0, "status")


def quit_key():
    """^\\ ends CMD and run by SIGQUIT"""
    with shell() as t:
        t.line("ulimit -c 0")
        t.prompt()
        t.line(f"{RUN} sleep 99")
        t.key("\x1c", "sleep")
        t.expect("Quit")
        t.prompt()
        same(t.status(), 131, "status")


def once():
    """signals of the terminal reach CMD once each"""
    signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH, signal.SIGTSTP)
    with shell() as t:
        start_counter(t, "once", *signals)
        for n, key in enumerate(("\x03", "\x1c", None, "\x1a", "\x03")):
            if key:
                t.send(key)
            else:
                t.resize(50, 120)
            until(f"event {n + 1} arrives", lambda n=n: len(counted("once")) > n)
        finish_counter(t, "once")
    same(counted("once"), [2, 3, 28, 20, 2], "signals")


def forwarded():
    """signals sent to run alone reach CMD once each"""
    skipped = {9, 19, 17, 32, 33, 11, 7, 8, 4, 5, 31}
    signals = [n for n in range(1, 65) if n not in skipped]
    with shell() as t:
        pid = start_counter(t, "forwarded", *signals)
        wrapper = stat(pid)[1]
        for i, n in enumerate(signals):
            os.kill(wrapper, n)
            until(f"signal {n} arrives", lambda i=i: len(counted("forwarded")) > i)
        finish_counter(t, "forwarded")
    same(counted("forwarded"), signals, "signals")


def stop_alone():
    """SIGTSTP sent to run alone stops both, SIGCONT continues both, each once"""
    with shell() as t:
        pid = start_counter(t, "alone", signal.SIGCONT)
        wrapper = stat(pid)[1]
        os.kill(wrapper, signal.SIGTSTP)
        t.expect(r"Stopped [^\n]*\n")
        t.prompt()
        until("both stopped", lambda: is_stopped(pid) and is_stopped(wrapper))
        os.kill(wrapper, signal.SIGCONT)
        until("CMD is continued", lambda: counted("alone"))
        until("run is continued", lambda: not is_stopped(wrapper))
        t.command("fg", r"[^\n]+\n")
        until("fg continues, too", lambda: len(counted("alone")) >= 1)
        finish_counter(t, "alone")
        same(t.status(), 0, "status")


def continued_by_number():
    """a CMD that is stopped, continued or killed by its own number is noticed"""
    with shell() as t:
        pid = start_counter(t, "number", signal.SIGCONT)
        wrapper = stat(pid)[1]
        os.kill(pid, signal.SIGSTOP)
        t.expect(r"Stopped [^\n]*\n")
        t.prompt()
        until("run stops, too", lambda: is_stopped(wrapper))
        for _ in range(5):
            os.kill(pid, signal.SIGCONT)
            until("run goes on by itself", lambda: not is_stopped(wrapper))
            os.kill(pid, signal.SIGSTOP)
            until("run stops again", lambda: is_stopped(wrapper))
            same(is_stopped(pid), True, "CMD stays stopped")
        os.kill(pid, signal.SIGKILL)
        until("run ends", lambda: stat(wrapper) is None)
        t.line("")
        t.expect("Killed")


def settings():
    """the terminal's settings are the same before, inside and afterwards"""
    with shell() as t:
        t.line(f"stty -g >{SCRATCH}/before; {RUN} sh -c 'stty -g >{SCRATCH}/inside'; "
               f"stty -g >{SCRATCH}/after")
        until("all is written", lambda: os.path.exists(f"{SCRATCH}/after") and
              os.path.getsize(f"{SCRATCH}/after"))
    texts = []
    for name in ("before", "inside", "after"):
        with open(f"{SCRATCH}/{name}", encoding="ascii") as f:
            texts.append(f.read())
    same(texts[1:], texts[:1] * 2, "stty -g")


def tostop():
    """with stty tostop, run in the background may speak; CMD that speaks stops, and fg helps"""
    with shell() as t:
        t.line("stty tostop")
        t.prompt()
        t.line("PEEKPUSH_URL=http://127.0.0.1:1 PEEKPUSH_STATE_DIR=/dev/null/x "
               f"{RUN} sleep 0.3 & wait $!; echo waited=$?.")
        t.expect("peekpush: [^\n]*\n")
        t.expect(r"waited=0\.")
        t.prompt()
        t.line(f"{RUN} sh -c 'echo a$((40+2)); exit 4' &")
        t.prompt()
        until("it stops", lambda: sum(is_stopped(p) for p in session(t.pid)) == 2)
        t.command("fg", r"\na42\n")
        t.prompt()
        same(t.status(), 4, "status")


def reading():
    """CMD that reads the terminal in the background stops, and reads once it is in front"""
    with shell() as t:
        t.line(f"{RUN} cat &")
        t.prompt()
        until("it stops", lambda: sum(is_stopped(p) for p in session(t.pid)) == 2)
        t.command("fg", r"cat\n")
        t.line("some words")
        t.expect(r"some words\nsome words\n")
        t.send("\x04")
        t.prompt()
        same(t.status(), 0, "status")


def hangup():
    """a terminal that goes away hangs up CMD of a run that leads the session"""
    path = f"{SCRATCH}/hung"
    with Terminal(PEEKPUSH, "run", "--", "bash", "-c",
                  f"trap 'echo gone >{path}; exit 3' HUP; echo ready; while :; do sleep 0.05; done"
                  ) as t:
        t.expect("ready")
        os.close(t.fd)
        t.fd = -1
        same(t.wait(), 3, "status")
    with open(path, encoding="ascii") as f:
        same(f.read(), "gone\n", "words of CMD")


def leader():
    """a run that leads the session: ^C and the exit status"""
    with Terminal(PEEKPUSH, "run", "--", "sleep", "99") as t:
        t.key("\x03", "sleep")
        same(t.wait(), -2, "status")


def orphaned():
    """where nobody could continue it, run does not stop with CMD"""
    with Terminal(PEEKPUSH, "run", "--", "sh", "-c", "echo pid $$.; kill -STOP $$; exit 8") as t:
        pid = int(t.expect(r"pid (\d+)\.").group(1))
        until("CMD stops", lambda: is_stopped(pid))
        time.sleep(0.3)
        same(is_stopped(t.pid), False, "run is stopped")
        same(is_stopped(pid), True, "CMD is stopped")
        os.kill(t.pid, signal.SIGCONT)
        same(t.wait(), 8, "status")


TESTS = (vi, python, bash, suspend, stop, pipeline, quit_key, once, forwarded, stop_alone,
         continued_by_number, settings, tostop, reading, hangup, leader, orphaned)


def main():
    chosen = [f for f in TESTS if len(sys.argv) < 4 or sys.argv[3] in f.__name__]
    failed = 0
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    for i, test in enumerate(chosen):
        try:
            test()
            print(f"ok {i + 1} - {test.__doc__}", flush=True)
        except Broken as e:
            failed += 1
            print(f"not ok {i + 1} - {test.__doc__}\n# {test.__name__}: {e}", flush=True)
    print(f"1..{len(chosen)}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
