#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives random sequences of runs, pushes, flushes, gateway faults, SIGKILLs and lost states, and
compares the gateway with a model after every recovery. Prints TAP.

    fault.py PEEKPUSH GATEWAY DIRECTORY [SEED [ROUNDS]]

Between peekpush and the gateway stands a relay that can fail in every way a network and a server
can. A failure prints the seed that replays the sequence: the same decisions are taken again, though
not at the same microsecond.
"""
import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

PEEKPUSH, GATEWAY, DIRECTORY = sys.argv[1:4]
FAULTS = ("refuse", "hang", "cut", "lose", "400", "500", "slow")
TIMEOUT = "300ms"
# Of what has to happen in the end, however busy the machine is.
PATIENCE = 120
OTHER_USER = 65534
PR_SET_CHILD_SUBREAPER = 36


class Relay:
    """Forwards one request a connection to the gateway, or fails as `mode` says."""

    def __init__(self, target):
        host, port = target.removeprefix("http://").split(":")
        self.target = (host, int(port))
        self.mode = "ok"
        self.forwarding = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, mode = self.listener.accept()[0], self.mode
            if mode != "hang":
                self.forwarding.add(client)
            threading.Thread(target=self.serve, args=(client, mode), daemon=True).start()

    def drain(self):
        """Waits until nothing is under way to the gateway, when nobody is left who sends."""
        mode, self.mode = self.mode, "ok"
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as last:
            last.shutdown(socket.SHUT_WR)
            last.recv(1)
        self.mode = mode
        deadline = time.monotonic() + PATIENCE
        while self.forwarding and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self.forwarding

    def serve(self, client, mode):
        try:
            client.settimeout(PATIENCE)
            if mode == "refuse":
                # A reset, as from a port that nobody listens on.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif mode == "cut":
                client.recv(100)
            elif mode == "hang":
                time.sleep(PATIENCE)
            else:
                while self.one(client, mode):
                    pass
        except OSError:
            pass
        finally:
            client.close()
            self.forwarding.discard(client)

    def one(self, client, mode):
        request = self.read(client)
        if not request:
            return False
        if mode in ("400", "500"):
            client.sendall(f"HTTP/1.1 {mode} No\r\nContent-Length: 2\r\n\r\nno".encode())
            return True
        if mode == "slow":
            time.sleep(0.1)
        with socket.create_connection(self.target, timeout=PATIENCE) as server:
            server.sendall(request)
            reply = self.read(server)
        if mode == "lose":
            return False
        client.sendall(reply)
        return True

    @staticmethod
    def read(sock):
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                return data
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length and len(body) < int(length[1]):
            more = sock.recv(65536)
            if not more:
                break
            body += more
        return head + b"\r\n\r\n" + body


class Run:
    def __init__(self, number, status):
        self.number, self.status = number, status
        self.process = None
        self.killed = False
        self.marker = None

    def begun(self):
        while self.process.poll() is None and not os.path.exists(self.marker):
            time.sleep(0.005)


class User:
    """One who runs jobs, with a state directory of his own."""

    def __init__(self, name, uid, relay):
        self.name, self.uid, self.relay = name, uid, relay
        self.state = os.path.join(DIRECTORY, "state-" + name)
        self.jobs = {}
        self.forget()

    def forget(self):
        # What the gateway shows of older runs is no concern of this state's.
        self.since = time.time()
        subprocess.run(["rm", "-rf", self.state], check=True)
        os.mkdir(self.state, 0o700)
        os.chown(self.state, self.uid, self.uid)
        for job in self.jobs.values():
            job.clear()

    def left(self):
        """What waits. A record that a killed watcher had only just made is empty."""
        jobs = os.path.join(self.state, "jobs")
        names = os.listdir(jobs) if os.path.isdir(jobs) else []
        return [name for name in names if name.endswith(".pending") or (
            name.endswith(".run.0") and os.path.getsize(os.path.join(jobs, name)))]

    def command(self, timeout, *words):
        return [PEEKPUSH, "-c", "/dev/null", "--state-dir", self.state, "--url",
                f"http://127.0.0.1:{self.relay.port}", "--push-timeout", timeout, "--set",
                "push.instance=i", *words]

    def start(self, *words, timeout=TIMEOUT, **kwargs):
        def become():
            if self.uid:
                os.setgroups([])
                os.setresgid(self.uid, self.uid, self.uid)
                os.setresuid(self.uid, self.uid, self.uid)
        # pylint: disable=subprocess-popen-preexec-fn
        return subprocess.Popen(self.command(timeout, *words), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, preexec_fn=become,
                                env={"PATH": os.environ["PATH"], "HOME": "/nonexistent",
                                     "TMPDIR": DIRECTORY}, **kwargs)

    def call(self, *words, timeout=TIMEOUT):
        return self.start(*words, timeout=timeout, stderr=subprocess.DEVNULL).wait(PATIENCE)


class World:
    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(seed)
        self.relay = Relay(GATEWAY)
        self.users = [User("root", 0, self.relay)]
        if os.geteuid() == 0:
            self.users.append(User("other", OTHER_USER, self.relay))
        self.newest = {}  # start time shown by the gateway, by job
        self.count = 0
        self.log = []
        self.bad = []

    def say(self, text):
        self.log.append(text)

    def expect(self, good, text):
        if not good:
            self.bad.append(text)

    # --- actions ------------------------------------------------------------------------

    def run(self, user, background):
        job = f"{user.name}-{self.random.choice('ab')}"
        runs = user.jobs.setdefault(job, [])
        # Of two that start at the same moment nobody knows which one is the newest.
        if runs and not runs[-1].killed:
            runs[-1].begun()
        self.count += 1
        run = Run(self.count, self.random.choice((0, 0, 1, 3, 143)))
        seconds = self.random.choice((0, 0, 0.1, 0.4))
        run.marker = os.path.join(DIRECTORY, f"ran-{self.name}-{run.number}")
        script = f": >{run.marker}; sleep {seconds}; " + (
            "kill -TERM $$" if run.status == 143 else f"exit {run.status}")
        run.process = user.start("run", "--job", job, "--heartbeat", "100ms", "--", "sh", "-c",
                                 script, stderr=subprocess.DEVNULL)
        runs.append(run)
        self.say(f"run {run.number} of {job}: {seconds} s, {run.status}"
                 f"{', in the background' if background else ''} ({self.relay.mode})")
        if not background:
            self.end(run)

    def end(self, run):
        status = run.process.wait(PATIENCE)
        want = -signal.SIGTERM if run.status == 143 else run.status
        if not run.killed:
            self.expect(status == want, f"run {run.number} ended with {status}, not {want}")

    def kill(self, user):
        living = [run for runs in user.jobs.values() for run in runs
                  if run.process and run.process.poll() is None]
        if living:
            run = self.random.choice(living)
            run.killed = True
            run.process.kill()
            run.process.wait()
            self.say(f"run {run.number}: its watcher is killed")

    def kill_early(self, user):
        """A run whose watcher is killed at any instant of its life."""
        self.run(user, True)
        time.sleep(self.random.uniform(0, 0.06))
        self.kill(user)

    def settle(self):
        """Until nobody runs, and what was on its way to the gateway has come there."""
        for user in self.users:
            for runs in user.jobs.values():
                for run in runs:
                    self.end(run)
        # Who is left are commands and pushes whose watcher was killed.
        deadline = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < deadline:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.01)
            self.expect(False, "what killed watchers have left does not end")
        except ChildProcessError:
            pass
        self.expect(self.relay.drain(), "the gateway does not answer")

    def lose_state(self, user):
        self.settle()
        user.forget()
        self.say(f"{user.name} has lost its state")

    def act(self):
        user = self.random.choice(self.users)
        what = self.random.choices(
            ("run", "background", "kill", "kill early", "fault", "good", "push", "flush", "lose",
             "wait"), (20, 20, 8, 8, 12, 6, 3, 5, 1, 8))[0]
        if what == "run":
            self.run(user, False)
        elif what == "background":
            self.run(user, True)
        elif what == "kill":
            self.kill(user)
        elif what == "kill early":
            self.kill_early(user)
        elif what == "fault":
            self.relay.mode = self.random.choice(FAULTS)
            self.say(f"the gateway: {self.relay.mode}")
        elif what == "good":
            self.relay.mode = "ok"
        elif what == "lose":
            self.lose_state(user)
        elif what == "wait":
            time.sleep(self.random.uniform(0, 0.3))
        else:
            self.say(f"{user.name}: {what} ({self.relay.mode})")
            words = ("push", "--collectors", "self") if what == "push" else ("flush",)
            user.call("--job", f"host-{user.name}", *words)

    # --- the oracle ---------------------------------------------------------------------

    def recover(self):
        self.settle()
        self.relay.mode = "ok"
        for user in self.users:
            status = user.call("flush", timeout="60s")
            self.expect(status == 0, f"flush of {user.name} ended with {status}")
        shown = self.shown()
        for user in self.users:
            for job, runs in user.jobs.items():
                self.compare(job, runs, shown.get(job, {}), user.since)
            self.expect(not user.left(), f"{user.name} still has {user.left()}")

    @staticmethod
    def shown():
        with urllib.request.urlopen(GATEWAY + "/metrics", timeout=10) as reply:
            text = reply.read().decode()
        jobs = {}
        for match in re.finditer(r'^peekpush_job_(\w+)\{([^}]*)\} (\S+)$', text, re.M):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2]))
            result = labels.get("result", "")
            jobs.setdefault(labels["job"], {})[match[1] + result] = float(match[3])
        return jobs

    def compare(self, job, runs, shown, since):
        """What is shown of a job is its newest run's, and every run is counted once."""
        start = shown.get("start_timestamp_seconds", 0)
        self.expect(start >= self.newest.get(job, 0), f"{job} went back to an older run")
        self.newest[job] = start
        if start < since:
            shown = {}
        # Killed before it had started anything it may have left no trace.
        possible = [run for run in runs if run.killed]
        must = len(runs) - len(possible) + sum(os.path.exists(run.marker) for run in possible)
        if must == 0 and not shown:
            return
        counts = {result: int(shown.get("runs_total" + result, 0))
                  for result in ("success", "failure", "lost")}
        sure = [run for run in runs if not run.killed]
        good = sum(run.status == 0 for run in sure)
        total = sum(counts.values())
        self.expect(must <= total <= len(runs), f"{job}: {total} runs counted of {len(runs)}")
        self.expect(good <= counts["success"] <= good + len(possible) and
                    len(sure) - good <= counts["failure"] <= len(sure) - good + len(possible),
                    f"{job}: {counts}, but {good} of {len(sure)} were good, "
                    f"{len(possible)} killed")
        self.expect(shown.get("running") == 0, f"{job}: running {shown.get('running')}")
        self.expect(shown.get("run_duration_seconds_count", total - counts["lost"]) ==
                    total - counts["lost"], f"{job}: durations of other runs than were counted")
        last = runs[-1]
        if last.killed:
            return
        self.expect(shown.get("exit_code") == last.status,
                    f"{job}: exit code {shown.get('exit_code')}, but run {last.number} "
                    f"ended with {last.status}")
        self.expect(shown.get("success") == (last.status == 0), f"{job}: success is wrong")


def sequence(seed, rounds):
    world = World("sequence", seed)
    for _ in range(rounds):
        for _ in range(world.random.randint(5, 15)):
            world.act()
        world.recover()
        if world.bad:
            break
        world.say("recovered")
    return world


def every_point():
    """Each fault, from before the start, while CMD runs, and at its end."""
    world = World("point", 1)
    user = world.users[0]
    for fault in FAULTS:
        for point in ("start", "middle", "end"):
            world.relay.mode = fault if point == "start" else "ok"
            job = f"point-{fault}-{point}"
            run = Run(0, 7)
            run.marker = "/"
            user.jobs[job] = [run]
            begin = time.monotonic()
            run.process = user.start("run", "--job", job, "--heartbeat", "100ms", "--", "sh",
                                     "-c", "sleep 0.6; exit 7", stderr=subprocess.DEVNULL)
            if point != "start":
                time.sleep(0.35 if point == "middle" else 0.58)
                world.relay.mode = fault
            world.end(run)
            world.expect(time.monotonic() - begin < PATIENCE / 4, f"{job} took too long")
    world.recover()
    return world


def killed_at_any_instant(seed):
    world = World("instant", seed)
    user = world.users[0]
    for _ in range(50):
        world.kill_early(user)
    world.recover()
    return world


def main():
    # Whoever outlives a killed watcher becomes a child of ours, for whom one can wait.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 8
    tests = (("each fault of the gateway at each point of a run", every_point),
             ("watchers killed at 50 instants", lambda: killed_at_any_instant(seed)),
             (f"random sequences, {rounds} recoveries", lambda: sequence(seed, rounds)))
    failed = False
    for number, (name, test) in enumerate(tests, 1):
        world = test()
        print(f"{'not ok' if world.bad else 'ok'} {number} - {name}")
        failed |= bool(world.bad)
        if world.bad:
            for line in [f"seed {seed}"] + world.bad[:20] + ["---"] + world.log[-60:]:
                print("#", line)
    print(f"1..{len(tests)}")
    sys.exit(failed)


main()
