# SPDX-License-Identifier: Apache-2.0
"""Faults that are put into a good dashboard, and what has to be said of each. A checker that says
nothing of these would say nothing of the next mistake either."""
import copy
import re
import time

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def next_to(dashboard, panel):
    """A panel of the same size in the same place."""
    return dict(copy.deepcopy(panel), id=9999)


def without_panel_key(key):
    return lambda d, p: p.pop(key)


def query(**change):
    return lambda d, p: p["targets"][0].update(change)


SERIES = query(expr="peekpush_series", legendFormat="{{instance}}")


def no_unit(d, p):
    p["fieldConfig"]["defaults"].pop("unit")
    p["fieldConfig"]["overrides"] = []


# What is wrong, how it is made so in dashboard d and its panel p of curves, what is said.
STRUCTURE = [
    ("a panel over another one", lambda d, p: d["panels"].append(next_to(d, p)), "overlaps"),
    ("a panel beyond column 24", lambda d, p: p["gridPos"].update(x=13, w=12), "24 columns"),
    ("a panel without a width", lambda d, p: p["gridPos"].pop("w"), "24 columns"),
    ("two panels of one id", lambda d, p: p.update(id=d["panels"][0]["id"]), "ids of panels"),
    ("no unit", no_unit, "no unit"),
    ("a unit that is none", lambda d, p: p["fieldConfig"]["defaults"].update(unit="byte"),
     "no unit that is known"),
    ("no description", without_panel_key("description"), "no description"),
    ("no title", lambda d, p: p.update(title=""), "no title"),
    ("a panel without a query", lambda d, p: p.update(targets=[]), "no query"),
    ("an empty query", query(expr=" "), "query A: empty"),
    ("a query without a legend", query(legendFormat=""), "no legend"),
    ("a data source by name", query(datasource={"type": "prometheus", "uid": "Prometheus"}),
     "its data source"),
    ("a panel's data source by name", lambda d, p: p.update(datasource="Prometheus"),
     "its data source"),
    ("a kind of panel that is none", lambda d, p: p.update(type="graph"), "no kind of panel"),
    ("a variable that is none", query(expr='up{instance=~"$instanze"}'), "no variable"),
    ("a variable of many values that is compared as one", query(expr='up{instance="$instance"}'),
     "takes one"),
    ("a job in a query for a host", query(expr='node_load1{job="peekpush"}'), "by job"),
    ("irate()", query(expr="irate(node_load1[1m])"), "irate"),
    ("a link to nowhere", lambda d, p: p.update(links=[{"url": "/d/peekpush-nowhere?a=b"}]),
     "is no dashboard"),
    ("a link with a variable that is none",
     lambda d, p: p.update(links=[{"url": f"/d/{d['uid']}?var-nothing=1"}]), "does not have"),
    ("another uid", lambda d, p: d.update(uid="peekpush-other"), "its uid"),
    ("another data source by default",
     lambda d, p: d["templating"]["list"][0]["current"].update(value="other"), "by default"),
]

LIVE = [
    ("a query that is none", query(expr="sum("), "parse error"),
    ("a rate of no range", query(expr="rate(peekpush_series)"), "expected type range vector"),
    ("a name that nobody pushes", query(expr="sum(peekpush_serieses) or vector(1)"),
     "nobody pushes peekpush_serieses"),
    ("no data", query(expr='peekpush_series{instance="nowhere"}'), "no data"),
    ("no finite value", query(expr="peekpush_series * 0 / 0"), "no finite value"),
    ("a legend of a label that is none", query(expr="peekpush_series",
                                               legendFormat="{{instance}} {{hostname}}"),
     "the label hostname"),
    ("curves of one name", query(expr="peekpush_series", legendFormat="series"),
     'series are called "series"'),
    ("a rule for a curve that is none", lambda d, p: (p["fieldConfig"].update(overrides=[
        {"matcher": {"id": "byName", "options": "nobody"}, "properties": []}]),
        SERIES(d, p)), "which is no series"),
    ("a heatmap without buckets", lambda d, p: (p.update(type="heatmap"), query(
        expr="peekpush_series", legendFormat="")(d, p)), "no buckets"),
    ("a table's column without a unit", lambda d, p: (p.update(
        type="table", fieldConfig={"defaults": {}, "overrides": []}, transformations=[
            {"id": "organize", "options": {"excludeByName": {"Time": True, "__name__": True},
                                           "renameByName": {"Value": "Series"}}}]),
        SERIES(d, p)), 'column "Series" has no unit'),
    ("a heading for a column that is none", lambda d, p: (p.update(
        type="table", transformations=[
            {"id": "organize", "options": {"renameByName": {"host": "Host"}}}]),
        SERIES(d, p)), "renames host, which is no column"),
    ("a variable without values", lambda d, p: d["templating"]["list"].append(
        {"name": "empty", "type": "query", "query": "label_values(peekpush_nothing, name)"}),
     "variable empty: no values"),
]


def sample(dashboards):
    """A dashboard with curves and hosts to choose, and its first panel of curves."""
    for dashboard in dashboards.values():
        names = [v["name"] for v in dashboard["templating"]["list"] if v.get("includeAll")]
        for number, panel in enumerate(dashboard["panels"]):
            if panel["type"] == "timeseries" and len(panel["targets"]) == 1 and "instance" in names:
                return dashboard, number
    raise SystemExit("no dashboard has curves and hosts to choose")


def faults(dashboards, prometheus, tap, structure, live):
    good, number = sample(dashboards)
    name = good["uid"].removeprefix("peekpush-")
    for what, damage, said in STRUCTURE:
        bad = copy.deepcopy(good)
        damage(bad, bad["panels"][number])
        found = list(structure(name, dashboards | {name: bad}))
        tap.result(f"{what} is seen", [] if any(re.search(said, line) for line in found)
                   else ["only this was said:", *found])
    for what, damage, said in LIVE:
        bad = copy.deepcopy(good)
        panel = bad["panels"][number]
        panel["fieldConfig"]["overrides"], panel["transformations"] = [], []
        bad["panels"] = [panel]
        damage(bad, panel)
        # A scrape that has failed leaves no data for a moment, and that is said then.
        for _ in range(30):
            found = live(bad, prometheus, 0)
            if any(re.search(said, line) for line in found):
                break
            time.sleep(2)
        tap.result(f"{what} is seen", [] if any(re.search(said, line) for line in found)
                   else ["only this was said:", *found])
