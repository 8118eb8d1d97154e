#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Holds the alert rules to what is promised of them, as TAP.

    rules.py check DIR DOCS EXPOSITION...    form, documentation, tests, names of metrics
    rules.py mutate DIR                      is each threshold and each `for` held by a test?

DIR has rules/*.yml and tests/*.yml. EXPOSITION is text with every metric there is; a line
"# NAME" alone (no sample) stands for one whose labels are not known.
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile

import yaml

PREFIXES = {
    "agent": ("Agent", "Gateway", "Watchdog"), "container": ("Container",), "disk": ("Host",),
    "energy": ("Energy",), "host": ("Host",), "job": ("Job",), "kernel": ("Kernel",),
    "ml": ("Ml",), "recording": (),
}
SEVERITIES = {"critical", "warning", "info"}
# Pushed by the gateway for every group.
ALWAYS = {"push_time_seconds": set(), "push_failure_time_seconds": set(),
          "up": set(), "scrape_duration_seconds": set(), "scrape_samples_scraped": set(),
          "scrape_samples_post_metric_relabeling": set(), "scrape_series_added": set(),
          "ALERTS": {"alertname", "alertstate", "severity"}}
GROUPING = {"job", "instance", "cluster", "stage"}
# From a container's runtime, which the golden files have none of.
RUNTIME = {"name", "image", "namespace", "pod", "container"}
# May be relabelled to the job of their exporter (prometheus-mixins.yml).
RELABELLED = re.compile(r"(node|cadvisor|container|machine|namedprocess|ebpf_exporter|scaph)_")

KEYWORDS = {"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "start", "end"}
LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
TOKEN = re.compile(r"""\s+|\#[^\n]*|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<number>(?:\d+\.?\d*(?:e[+-]?\d+)?)(?P<unit>(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)?)
    |(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)|(?P<op>[=!]~|[=!<>]=|.)""", re.X)


def tokens(expr):
    for match in TOKEN.finditer(expr):
        if match.lastgroup:
            kind = "number" if match["number"] else match.lastgroup
            yield kind, match[0], match


class Expression:
    """What a PromQL expression refers to: metrics, their matchers, and lists of labels."""

    def __init__(self, expr):
        self.metrics, self.matchers = [], []
        seen = list(tokens(expr))
        depth, i, metric = 0, 0, None
        while i < len(seen):
            kind, text, _ = seen[i]
            after = seen[i + 1][1] if i + 1 < len(seen) else ""
            if text == "[":
                depth += 1
            elif text == "]":
                depth -= 1
            elif text == "{":
                while seen[i][1] != "}":
                    if seen[i][0] == "word":
                        self.matchers.append((metric, seen[i][1], seen[i + 1][1], seen[i + 2][1]))
                    i += 1
            elif kind == "word" and text in LISTS:
                while seen[i][1] != ")":
                    i += 1
                    if after != "(":
                        break
            elif kind == "word" and not depth:
                metric = text
                called = after == "(" or after in ("by", "without")
                if not called and text not in KEYWORDS:
                    self.metrics.append(text)
            i += 1


class Rules:
    def __init__(self, top):
        self.top, self.files, self.tests = top, {}, {}
        for path in sorted(glob.glob(f"{top}/rules/*.yml")):
            with open(path) as file:
                self.files[os.path.basename(path)[:-4]] = yaml.safe_load(file)
        for path in sorted(glob.glob(f"{top}/tests/*.yml")):
            with open(path) as file:
                self.tests[path] = yaml.safe_load(file)

    def each(self, kind):
        for name, content in self.files.items():
            for group in content["groups"]:
                for rule in group["rules"]:
                    if kind in rule:
                        yield name, rule

    def cases(self):
        for path, content in self.tests.items():
            for group in content["tests"]:
                for case in group.get("alert_rule_test", []):
                    yield path, group, case


def slug(alert):
    return f"docs/alerts.md#{alert.lower()}"


def form(rules):
    """Names, severities and annotations."""
    alerts = set()
    for name, rule in rules.each("alert"):
        alert, notes = rule["alert"], rule.get("annotations", {})
        where = f"{name}.yml: {alert}"
        if alert in alerts:
            yield f"{where} is there twice"
        alerts.add(alert)
        if not re.fullmatch("[A-Z][A-Za-z0-9]*", alert) or not alert.startswith(PREFIXES[name]):
            yield f"{where}: the name begins with none of {PREFIXES[name]}"
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            yield f"{where}: severity is none of {sorted(SEVERITIES)}"
        if set(notes) != {"summary", "description", "runbook"}:
            yield f"{where}: annotations are {sorted(notes)}"
            continue
        if len(re.sub(r"{{.*?}}", "", notes["summary"])) > 80 or "\n" in notes["summary"].strip():
            yield f"{where}: the summary is not one line"
        if len(notes["description"]) < 60 or "\n" in notes["description"].strip():
            yield f"{where}: the description is no paragraph"
        if notes["runbook"] != slug(alert):
            yield f"{where}: runbook is not {slug(alert)}"
    groups = [g["name"] for content in rules.files.values() for g in content["groups"]]
    for group in sorted({g for g in groups if groups.count(g) > 1}):
        yield f"two groups are called {group}"


def documented(rules, docs):
    """A section for each alert in the docs, and none for what is no alert."""
    with open(docs) as file:
        text = file.read()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.M | re.S))
    headings = re.findall(r"^### (\w+)$", text, re.M)
    alerts = [rule["alert"] for _, rule in rules.each("alert")]
    for alert in alerts:
        if alert not in sections:
            yield f"no section ### {alert}"
        elif len(sections[alert].split()) < 25:
            yield f"### {alert} says next to nothing"
    for heading in headings:
        if heading not in alerts:
            yield f"### {heading} is no alert"
        if headings.count(heading) > 1:
            yield f"### {heading} is there twice"


def tested(rules):
    """Each alert has a test in which it fires, in full, and one in which it does not; each record
    one that asks for it."""
    fires, silent = set(), set()
    for path, group, case in rules.cases():
        where = f"{os.path.basename(path)}: {case['alertname']} at {case['eval_time']}"
        for expected in case.get("exp_alerts") or []:
            fires.add(case["alertname"])
            if set(expected.get("exp_annotations", {})) != {"summary", "description", "runbook"}:
                yield f"{where}: not all annotations are expected"
        if not case.get("exp_alerts"):
            if not group.get("input_series"):
                yield f"{where}: silent because there is nothing at all"
            silent.add(case["alertname"])
    alerts = {rule["alert"]: rule for _, rule in rules.each("alert")}
    for alert, rule in alerts.items():
        if alert not in fires:
            yield f"no test in which {alert} fires"
        # That is what vector(1) is for.
        if alert not in silent and rule["expr"] != "vector(1)":
            yield f"no test in which {alert} keeps silent"
    asked = {case["expr"] for content in rules.tests.values() for group in content["tests"]
             for case in group.get("promql_expr_test", [])}
    # What an alert is made of is tested with it.
    for kind in "alert", "record":
        asked.update(*(Expression(str(rule["expr"])).metrics for _, rule in rules.each(kind)))
    for record in sorted({rule["record"] for _, rule in rules.each("record")} - asked):
        yield f"no test asks for {record}"
    for alert in sorted((fires | silent) - set(alerts)):
        yield f"{alert} is tested, but there is no such alert"


def known_metrics(paths):
    """Name to labels; None where the labels are not known."""
    known = {name: set(labels) for name, labels in ALWAYS.items()}
    for path in paths:
        with open(path, errors="replace") as file:
            for line in file:
                bare = re.fullmatch(r"# ([a-zA-Z_:]\w*)\n", line)
                if bare:
                    known.setdefault(bare[1], None)
                match = re.match(r'([a-zA-Z_:]\w*)(?:\{(.*)\})? [^ ]+$', line)
                if not match:
                    continue
                labels = re.findall(r'([a-zA-Z_]\w*)="(?:[^"\\]|\\.)*"', match[2] or "")
                known[match[1]] = (known.get(match[1]) or set()) | set(labels)
    return known


def names(rules, known):
    """Rules ask for what can be pushed, by labels that it has, and records are nobody else's."""
    records = {rule["record"] for _, rule in rules.each("record")}
    seen = [rule["record"] for _, rule in rules.each("record")]
    for record in sorted(records):
        if seen.count(record) > 1:
            yield f"two rules record {record}"
        if record in known:
            yield f"{record} is recorded, and pushed"
        if ":" not in record:
            yield f"{record} is recorded: its name looks like a pushed one, for want of a colon"
    for kind in "alert", "record":
        for name, rule in rules.each(kind):
            expression = Expression(str(rule["expr"]))
            where = f"{name}.yml: {rule[kind]}"
            for metric in expression.metrics:
                if metric not in known and metric not in records:
                    yield f"{where}: {metric} is pushed by nobody"
            for metric, label, _, _ in expression.matchers:
                labels = known.get(metric)
                if label == "job" and RELABELLED.match(metric or ""):
                    yield f"{where}: {metric} is selected by job, which may be relabelled"
                elif metric and metric.startswith("container_") and label in RUNTIME:
                    pass
                elif labels is not None and label not in labels | GROUPING:
                    yield f"{where}: {metric} has no label {label}"


# --- mutants -----------------------------------------------------------------------------------

FLIPS = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}


def edge(text, op, value):
    """Mutants of a comparison with a number."""
    if float(value) == 0:
        return {">": [">= 0"], "<": ["<= 0"], "==": ["!= 0"], ">=": ["> 0"],
                "<=": ["< 0"]}.get(op, [f"{FLIPS[op]} 0"])
    if op in ("==", "!="):
        return [f"{FLIPS[op]} {value}"]
    return [f"{op} {float(value) * 1.3:.9g}", f"{op} {float(value) * 0.7:.9g}"]


def mutants(rule):
    """(what, changed rule) of what a test should notice."""
    expr, seen, depth = str(rule["expr"]), list(tokens(str(rule["expr"]))), 0
    if expr == "vector(1)":
        return
    for i, (kind, text, match) in enumerate(seen):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(text, 0)
        if kind != "number" or match["unit"] or depth:
            continue
        before = next((t for t in reversed(seen[:i]) if t[1] != "bool"), None)
        if before and before[1] in FLIPS:
            start = before[2].start()
            changes = edge(text, before[1], text)
        else:
            start = match.start()
            changes = [f"{float(text) * 1.3:.9g}", f"{float(text) * 0.7:.9g}"]
            if float(text) == 0:
                continue
        for change in changes:
            yield (f"{expr[start:match.end()]} made {change}",
                   dict(rule, expr=expr[:start] + change + expr[match.end():]))
    if "for" in rule:
        amount = re.fullmatch(r"(\d+)([smhd])", rule["for"])
        longer = f"{int(amount[1]) * 2}{amount[2]}"
        yield f"for: {rule['for']} made {longer}", dict(rule, **{"for": longer})
        yield f"for: {rule['for']} left out", {k: v for k, v in rule.items() if k != "for"}


def failing(path, content, changed):
    """The alerts whose tests, CONTENT of PATH, fail with the rules CHANGED."""
    with tempfile.TemporaryDirectory() as scratch:
        os.mkdir(f"{scratch}/rules")
        os.mkdir(f"{scratch}/tests")
        for name, groups in changed.items():
            with open(f"{scratch}/rules/{name}.yml", "w") as file:
                yaml.safe_dump(groups, file, sort_keys=False, width=10000)
        test = f"{scratch}/tests/{os.path.basename(path)}"
        with open(test, "w") as file:
            yaml.safe_dump(content, file, sort_keys=False, width=10000)
        said = subprocess.run(["promtool", "test", "rules", test], capture_output=True, text=True)
        output = said.stdout + said.stderr
        if "alertname:" not in output and said.returncode:
            raise SystemExit(f"{path}: {output}")
        return set(re.findall(r"alertname: (\w+),", output))


def round_of(rules, number):
    """All rules, each alert in its mutant of that number; and what was changed in it."""
    changed, what = {}, {}
    for name, content in rules.files.items():
        groups = []
        for group in content["groups"]:
            changed_rules = []
            for rule in group["rules"]:
                mutant = list(mutants(rule))[number:number + 1] if "alert" in rule else []
                for text, other in mutant:
                    what[rule["alert"]] = text
                # Alerts that are not changed need not be computed.
                if mutant or "record" in rule:
                    changed_rules.append(mutant[0][1] if mutant else rule)
            groups.append(dict(group, rules=changed_rules))
        changed[name] = {"groups": groups}
    return changed, what


def survivors(rules):
    """Every alert is changed at once, and each must be missed by name."""
    most = max(len(list(mutants(rule))) for _, rule in rules.each("alert"))
    killed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(most):
            changed, what = round_of(rules, number)
            jobs = []
            for path, content in rules.tests.items():
                some = [group for group in content["tests"]
                        if any(c["alertname"] in what for c in group.get("alert_rule_test", []))]
                if some:
                    jobs.append((path, dict(content, tests=some), changed))
            found = set().union(*pool.map(lambda job: failing(*job), jobs))
            killed += len(set(what) & found)
            for alert in sorted(set(what) - found):
                yield f"{alert}: {what[alert]}, and no test fails"
    print(f"# {killed} changes were noticed")


def report(checks):
    failed = 0
    for number, (name, breaches) in enumerate(checks, 1):
        breaches = list(breaches)
        print(f"{'not ok' if breaches else 'ok'} {number} - {name}")
        for breach in breaches:
            print(f"# {breach}")
        failed += bool(breaches)
    return failed


def main(argv):
    rules = Rules(argv[2])
    if argv[1] == "check":
        known = known_metrics(argv[4:])
        return report([("every alert is well formed", form(rules)),
                       ("every alert is documented", documented(rules, argv[3])),
                       ("every alert is tested, firing and silent", tested(rules)),
                       ("rules know only what is pushed", names(rules, known))])
    return report([("every threshold and every `for` is held by a test", survivors(rules))])


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv) else 0)
