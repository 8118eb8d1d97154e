#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the dashboards, as TAP:

    dashboards.py structure DIRECTORY           what can be seen without data
    dashboards.py provisioning DIRECTORY        that Grafana finds data and dashboards
    dashboards.py live DIRECTORY PROMETHEUS     every query, against a server that has data
    dashboards.py faults DIRECTORY PROMETHEUS   that both of these see what is wrong

DIRECTORY has the *.json. Grafana's own schema is checked by dashboard-schema.mjs.
"""
import glob
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grafana_query as grafana  # noqa: E402
from grafana_table import columns  # noqa: E402

DATASOURCE = "peekpush-prometheus"
# For so many seconds, all in all, queries may have no data yet: the machine that pushes may have
# other things to do.
PATIENCE = float(os.environ.get("PATIENCE", "360"))
# Of Grafana's units, those that make sense for what is measured here.
UNITS = set("""none short percent percentunit bytes mbytes decbytes Bps binBps bps bits s ms µs ns
    dtdurations joule watt celsius hertz rotrpm volt amp massg ops reqps rps wps cps iops pps eps
    bool bool_yes_no bool_on_off string dateTimeFromNow dateTimeAsIso locale sishort watth kwatth
    suffix:/s suffix:g/s suffix:/h suffix:J suffix:g clocks clockms""".split())
# The only kinds of panels, and whether what they show has a unit.
PANELS = {"timeseries": True, "stat": True, "gauge": True, "bargauge": True, "heatmap": True,
          "table": True, "histogram": True, "state-timeline": True, "status-history": True,
          "piechart": True, "barchart": True, "text": False, "row": False, "alertlist": False}
# Queries that may be empty, and why: by panel and letter the filter without which there is data.
FILTERED = {
    ("File systems", "E"): "> 0",  # Only what fills up has a time at which it will be full.
}
# By whom a series was pushed is for `instance` to say: `job` may be relabelled.
HOST_METRICS = re.compile(r"\b(node_|container_|machine_|namedprocess_|ebpf_exporter_|DCGM_|scaph_)"
                          r"\w*\{[^}]*\bjob\s*[=!]")


def load(directory):
    dashboards = {}
    for path in sorted(glob.glob(os.path.join(directory, "*.json"))):
        with open(path, encoding="utf-8") as file:
            dashboards[os.path.basename(path)[:-5]] = json.load(file)
    if not dashboards:
        sys.exit(f"no dashboard in {directory}")
    return dashboards


def all_panels(dashboard):
    """Each panel, also those within rows that are closed."""
    for panel in dashboard.get("panels", []):
        yield panel
        yield from panel.get("panels") or []


def name_of(panel):
    return f"panel {panel.get('id')} \"{panel.get('title', '')}\""


def variables_of(dashboard):
    return {v["name"]: v for v in dashboard.get("templating", {}).get("list", [])}


def strings(thing):
    """Every string in a JSON value."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from strings(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from strings(value)


# --- what can be seen without data ----------------------------------------------------------------


def check_grid(panels):
    cells = {}
    for panel in panels:
        grid = panel.get("gridPos", {})
        x, y, w, h = (grid.get(key, -1) for key in "xywh")
        if x < 0 or y < 0 or w < 1 or h < 1 or x + w > 24:
            yield f"{name_of(panel)}: outside of the 24 columns: {grid}"
            continue
        met = set()
        for cell in ((i, j) for i in range(x, x + w) for j in range(y, y + h)):
            if cell in cells:
                met.add(cells[cell])
            cells[cell] = name_of(panel)
        for other in sorted(met):
            yield f"{name_of(panel)}: overlaps {other}"


def check_datasource(where, source):
    if source != {"type": "prometheus", "uid": "${datasource}"}:
        yield f"{where}: its data source is {json.dumps(source)}, not the variable"


def check_variables(name, dashboard, used):
    variables = variables_of(dashboard)
    source = variables.get("datasource", {})
    if source.get("type") != "datasource" or source.get("query") != "prometheus":
        yield "no variable datasource for Prometheus"
    elif source.get("current", {}).get("value") != DATASOURCE:
        yield f"its data source is not {DATASOURCE} by default"
    for variable in variables.values():
        where = f"variable {variable['name']}"
        if variable["type"] == "query":
            yield from check_datasource(where, variable.get("datasource"))
            if not grafana.query_of(variable):
                yield f"{where}: no query"
        if variable["type"] != "datasource" and variable["name"] not in used:
            yield f"{where} is not used"
        if variable["type"] not in ("datasource", "constant") and not variable.get("label") \
                and variable.get("hide") != 2:
            yield f"{where}: no label"
    if dashboard.get("uid") != f"peekpush-{name}":
        yield f"its uid is {dashboard.get('uid')}, not peekpush-{name}"


def check_target(panel, target, variables):
    where = f"{name_of(panel)}, query {target.get('refId')}"
    expr = target.get("expr") or ""
    if not expr.strip():
        yield f"{where}: empty"
    yield from check_datasource(where, target.get("datasource"))
    if HOST_METRICS.search(expr):
        yield f"{where}: selects by job, which may be relabelled"
    if re.search(r"\birate\(", expr):
        yield f"{where}: irate() of what is pushed in steps"
    for operator, value in re.findall(r"\w+\s*(=~|!~|!=|=)\s*\"([^\"]*)\"", expr):
        multi = [v for v, form in grafana.uses(value)
                 if v in variables and grafana.is_multi(variables[v])]
        if multi and operator in ("=", "!="):
            yield f"{where}: ${multi[0]} has many values, {operator} takes one"
    kind = panel["type"]
    if kind in ("timeseries", "state-timeline", "status-history", "bargauge", "piechart") and \
            not target.get("legendFormat"):
        yield f"{where}: no legend"
    if kind == "heatmap" and target.get("format") != "heatmap":
        yield f"{where}: format is not heatmap"
    if kind == "table" and not (target.get("format") == "table" and target.get("instant")):
        yield f"{where}: not an instant table"


def check_panel(panel, variables):
    kind = panel.get("type")
    if kind not in PANELS:
        yield f"{name_of(panel)}: no kind of panel: {kind}"
        return
    if not panel.get("title"):
        yield f"{name_of(panel)}: no title"
    if kind == "row":
        return
    if not panel.get("description"):
        yield f"{name_of(panel)}: no description"
    if kind in ("text", "alertlist"):
        return
    yield from check_datasource(name_of(panel), panel.get("datasource"))
    config = panel.get("fieldConfig", {})
    units = [config.get("defaults", {}).get("unit")] + [
        p.get("value") for o in config.get("overrides", []) for p in o.get("properties", [])
        if p.get("id") == "unit"]
    # A table's columns have units one by one; these are checked with their data.
    if kind != "table" and not units[0]:
        yield f"{name_of(panel)}: no unit"
    for unit in filter(None, units):
        if unit not in UNITS and not unit.startswith("currency"):
            yield f"{name_of(panel)}: no unit that is known here: {unit}"
    targets = panel.get("targets", [])
    if not targets:
        yield f"{name_of(panel)}: no query"
    if len({t.get("refId") for t in targets}) != len(targets):
        yield f"{name_of(panel)}: two queries under one refId"
    for target in targets:
        yield from check_target(panel, target, variables)


def check_links(name, dashboards):
    uids = {d.get("uid"): set(variables_of(d)) for d in dashboards.values()}
    for text in strings(dashboards[name]):
        for uid, rest in re.findall(r"/d/([\w-]+)([^\s\"]*)", text):
            if uid not in uids:
                yield f"a link to {uid}, which is no dashboard"
                continue
            for variable in re.findall(r"[?&]var-(\w+)", rest):
                if variable not in uids[uid]:
                    yield f"a link sets {variable}, which {uid} does not have"


def structure(name, dashboards):
    """What is wrong with a dashboard, in words."""
    dashboard = dashboards[name]
    panels = dashboard.get("panels", [])
    variables = variables_of(dashboard)
    text = json.dumps([dashboard.get("panels"), dashboard.get("templating")])
    used = {variable for variable, _ in grafana.uses(text)}
    for variable in sorted(used - set(variables) - set(grafana.MACROS)):
        # Not of a query: of a link to what was clicked on.
        if not variable.startswith("__"):
            yield f"${variable} is no variable"
    yield from check_variables(name, dashboard, used)
    for key in ("title", "description", "tags", "schemaVersion", "time", "annotations"):
        if not dashboard.get(key):
            yield f"no {key}"
    ids = [panel.get("id") for panel in all_panels(dashboard)]
    if len(set(ids)) != len(ids) or None in ids:
        yield "ids of panels are not unique"
    yield from check_grid(panels)
    for row in panels:
        if row.get("panels"):
            yield from check_grid(row["panels"])
    for panel in all_panels(dashboard):
        yield from check_panel(panel, variables)
    if [d.get("uid") for d in dashboards.values()].count(dashboard.get("uid")) != 1:
        yield f"uid {dashboard.get('uid')} is not unique"
    yield from check_links(name, dashboards)


def provisioning(directory):
    """What is wrong with the files that tell Grafana where things are."""
    import yaml  # The only part that needs it.

    def read(kind):
        files = glob.glob(os.path.join(directory, kind, "*.y*ml"))
        if not files:
            raise ValueError(f"no file in {kind}")
        out = []
        for path in files:
            with open(path, encoding="utf-8") as file:
                content = yaml.safe_load(file)
            if content.get("apiVersion") != 1:
                raise ValueError(f"{path}: apiVersion is not 1")
            out += content.get("datasources", []) + content.get("providers", [])
        return out

    try:
        sources, providers = read("datasources"), read("dashboards")
    except (ValueError, AttributeError, yaml.YAMLError) as error:
        yield str(error)
        return
    default = [s for s in sources if s.get("uid") == DATASOURCE]
    if len(default) != 1 or default[0].get("type") != "prometheus":
        yield f"no data source of type prometheus has the uid {DATASOURCE}"
    elif not default[0].get("url") or not default[0].get("isDefault"):
        yield "the data source has no url, or is not the default"
    if len({s.get("uid") for s in sources}) != len(sources):
        yield "two data sources of one uid"
    if not any(p.get("type", "file") == "file" and p.get("options", {}).get("path")
               for p in providers):
        yield "no provider reads dashboards from a directory"


# --- what data shows ------------------------------------------------------------------------------


def choices(names, variables, prometheus, chosen):
    """Values for these variables, one set of them after the other: all, or `chosen` ones."""
    def extend(rest, values):
        if not rest:
            yield values
            return
        variable = variables[rest[0]]
        found = grafana.values_of(variable, variables, values, prometheus)
        options = found
        if variable.get("includeAll") and not (chosen and found):
            options = [grafana.ALL] if variable.get("allValue") else [found] if found else []
        for option in options[:40]:
            yield from extend(rest[1:], values | {rest[0]: option})
    yield from extend(names, {})


def needed(texts, variables):
    """The variables in texts, with those that their queries need, in the dashboard's order."""
    found, more = set(), {v for text in texts for v, _ in grafana.uses(text)}
    while more - found:
        found |= more
        more = {v for name in found if name in variables
                for v, _ in grafana.uses(grafana.query_of(variables[name]))}
    return [name for name in variables if name in found and name != "datasource"]


def check_result(panel, target, result, chosen):
    """What is wrong with a result. That one of many hosts has no such label is well."""
    if not result:
        return
    if not any(value == value and abs(value) != float("inf") for _, value in result):
        yield "no finite value"
    legend = target.get("legendFormat") or ""
    for label in grafana.legend_labels(legend):
        if not chosen and not any(label in labels for labels, _ in result):
            yield f"its legend has the label {label}, no series does"
    if panel["type"] == "heatmap":
        if len({labels.get("le") for labels, _ in result} - {None}) < 2:
            yield "no buckets"
        if len({frozenset(set(labels.items()) - {("le", labels.get("le"))})
                for labels, _ in result}) > 1:
            yield "more than one histogram in a heatmap"


def check_whole(panel, targets, chosen):
    """What is wrong with a panel's results together: (target, result) of each."""
    names = {}
    if panel["type"] == "table":
        yield from () if chosen else columns(panel, targets)
        return
    for target, result in targets:
        legend = target.get("legendFormat") or ""
        for labels, _ in result:
            shown = grafana.rendered(legend, labels)
            names[shown] = names.get(shown, 0) + 1
    if panel["type"] in ("timeseries", "state-timeline", "bargauge", "piechart"):
        for shown in sorted(name for name in names if names[name] > 1)[:3]:
            yield f"{names[shown]} series are called \"{shown}\""
    for override in [] if chosen else panel.get("fieldConfig", {}).get("overrides", []):
        how, what = override["matcher"]["id"], override["matcher"].get("options")
        if how == "byName" and what not in names:
            yield f"overrides \"{what}\", which is no series"
        if how == "byRegexp" and not any(re.search(what.strip("/"), name) for name in names):
            yield f"overrides {what}, which no series is called"
        if how == "byFrameRefID" and what not in {t.get("refId") for t, _ in targets}:
            yield f"overrides query {what}, which is none"


def results(panel, variables, values, prometheus, chosen):
    """What each query of a panel says: {refId: (problems, target, result)}."""
    out = {}
    for target in panel.get("targets", []):
        problems, result = [], []
        try:
            expr = grafana.substitute(target["expr"], variables, values)
            filtered = FILTERED.get((panel["title"], target.get("refId")))
            if filtered and filtered not in expr:
                problems.append(f"has no filter {filtered} that could leave nothing")
            result = prometheus.query(expr) or \
                filtered and prometheus.query(expr.replace(filtered, "")) or []
            unknown = grafana.metric_names(expr) - prometheus.names()
            if unknown:
                problems.append(f"nobody pushes {', '.join(sorted(unknown))}")
            if not result:
                problems.append(f"no data: {expr}")
        except ValueError as error:
            problems.append(str(error))
        problems += check_result(panel, target, result, chosen)
        out[target.get("refId")] = problems, target, result
    return out


def live_panel(panel, variables, prometheus, chosen):
    """What is wrong with a panel: with All nothing may be, and of chosen values each query needs
    some with which it is well. A variable without All has to be chosen, always."""
    names = needed([t["expr"] for t in panel.get("targets", [])], variables)
    least, whole = {}, None
    for values in choices(names, variables, prometheus, chosen):
        found = results(panel, variables, values, prometheus, chosen)
        for ref, (problems, _, _) in found.items():
            if ref not in least or len(problems) < len(least[ref]):
                least[ref] = problems
        together = list(check_whole(panel, [(t, r) for _, t, r in found.values() if r], chosen))
        if not any(r for _, _, r in found.values()):
            together.append("no data")
        if whole is None or len(together) < len(whole):
            whole = together
        if not whole and not any(least.values()):
            break
    if whole is None:
        whole = [f"no value for one of {names}"]
    return [f"{name_of(panel)}: query {ref}: {problem}" for ref, problems in least.items()
            for problem in problems] + [f"{name_of(panel)}: {problem}" for problem in whole]


def live_variables(dashboard, prometheus):
    variables = variables_of(dashboard)
    for variable in variables.values():
        if variable["type"] != "query":
            continue
        names = needed([grafana.query_of(variable)], variables)
        for chosen in (False, True):
            try:
                found = any(grafana.values_of(variable, variables, values, prometheus)
                            for values in choices(names, variables, prometheus, chosen))
            except ValueError as error:
                yield f"variable {variable['name']}: {error}"
                break
            if not found:
                yield f"variable {variable['name']}: no values"
                break


def queried(dashboard):
    return [p for p in all_panels(dashboard) if p.get("targets")]


def marks(dashboard):
    """Annotations that are queries, as if they were panels."""
    for number, mark in enumerate(dashboard.get("annotations", {}).get("list", [])):
        if mark.get("expr"):
            legend = mark.get("titleFormat", "") + mark.get("textFormat", "")
            yield {"id": f"annotation {number}", "title": mark["name"], "type": "annotation",
                   "targets": [{"refId": "A", "expr": mark["expr"], "legendFormat": legend}]}


def live(dashboard, prometheus, deadline):
    """What is wrong with the queries. What has no data is asked for again until the deadline."""
    variables = variables_of(dashboard)
    open_panels = [(p, chosen) for p in queried(dashboard) + list(marks(dashboard))
                   for chosen in (False, True)]
    while True:
        prometheus.fresh()
        problems = list(live_variables(dashboard, prometheus))
        left = []
        for panel, chosen in open_panels:
            try:
                found = live_panel(panel, variables, prometheus, chosen)
            except ValueError as error:
                found = [f"{name_of(panel)}: {error}"]
            if found:
                how = "chosen values" if chosen else "All"
                left.append((panel, chosen))
                problems += [f"with {how}: {problem}" for problem in found]
        open_panels = left
        if not problems or time.monotonic() > deadline:
            return problems
        time.sleep(1)


# --- output ---------------------------------------------------------------------------------------


class Tap:
    def __init__(self):
        self.count = 0

    def result(self, name, problems):
        self.count += 1
        print(f"{'not ok' if problems else 'ok'} {self.count} - {name}")
        for problem in problems:
            print("# " + problem.replace("\n", " "))
        sys.stdout.flush()

    def plan(self):
        print(f"1..{self.count}")


def main():
    command, directory = sys.argv[1:3]
    tap = Tap()
    if command == "provisioning":
        tap.result("Grafana is told where data and dashboards are", list(provisioning(directory)))
        tap.plan()
        return
    dashboards = load(directory)
    if command == "structure":
        for name in dashboards:
            tap.result(f"{name}: complete, and nothing overlaps", list(structure(name, dashboards)))
    elif command == "live":
        prometheus = grafana.Prometheus(sys.argv[3])
        deadline = time.monotonic() + PATIENCE
        for name, dashboard in dashboards.items():
            count = len([t for p in queried(dashboard) for t in p["targets"]])
            tap.result(f"{name}: {count} queries have data, with All and with chosen values",
                       live(dashboard, prometheus, deadline))
    else:
        from dashboard_faults import faults
        faults(dashboards, grafana.Prometheus(sys.argv[3]), tap, structure, live)
    tap.plan()


if __name__ == "__main__":
    main()
