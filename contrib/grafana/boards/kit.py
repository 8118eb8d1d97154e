# SPDX-License-Identifier: Apache-2.0
"""What all dashboards share: how a query is asked, how a panel looks, where it stands.

A board is a list of rows, a row a list of panels, a panel what one of the functions below returns.
Panels say how wide and high they are, never where they stand: a row is filled from the left, so
nothing can overlap. Every panel has a title, a word on what it shows and on what a bad value looks
like, and a unit; who leaves one out is told so here, and not by a reader.
"""
import json
import re

PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
# Hosts are told by this label alone. The job may have been changed to another exporter's.
INSTANCE = 'instance=~"$instance"'
# The Pushgateway repeats what was pushed last, so a rate needs at least four times the longer of
# push and scrape interval. Grafana makes it so from the interval of the datasource (15 s).
WINDOW = "[$__rate_interval]"
# All of what the dashboard shows, and the same for each point of a curve: for lists of the first N
# that do not change from point to point.
RANGE = "[$__range]"
RANGE_END = "[$__range] @ end()"
COLUMNS = 24

GREEN, YELLOW, ORANGE, RED = "green", "#EAB839", "orange", "red"
BLUE, GREY, PURPLE = "blue", "#808080", "purple"


# --- what is asked

def sel(metric, instance=INSTANCE, **labels):
    """METRIC{LABELS} of the hosts that are chosen: sel("x", mode="!~idle|iowait", device="sda")."""
    inside = [instance] * bool(instance)
    for name, value in labels.items():
        how, value = re.fullmatch(r"(!~|~|!)?(.*)", value).groups()
        inside.append(f'{name}{ {None: "=", "!": "!=", "~": "=~", "!~": "!~"}[how] }"{value}"')
    return f"{metric}{{{', '.join(inside)}}}" if inside else metric


def rate(metric, **labels):
    return f"rate({sel(metric, **labels)}{WINDOW})"


def total(by, expr):
    return f"sum by ({by}) ({expr})"


def quantile(share, metric, by="", **labels):
    """The quantile of a histogram's rate, for each of `by`."""
    buckets = total(f"{by}, le" if by else "le", rate(metric + "_bucket", **labels))
    return f"histogram_quantile({share}, {buckets})"


def top(count, by, metric, gauge=False, wrap="{}", **labels):
    """The curves of those that had the most over the whole range, the same ones at each point."""
    whole = sel(metric, **labels) + RANGE_END
    rank = f"avg_over_time({whole})" if gauge else f"increase({whole})"
    each = sel(metric, **labels) if gauge else rate(metric, **labels)
    return (f"{total(by, wrap.format(each))} and "
            f"topk({count}, {total(by, wrap.format(rank))})")


def ask(expr, legend="", **more):
    """A query as Grafana has it; the panel gives it its letter."""
    return {"datasource": PROMETHEUS, "editorMode": "code", "expr": expr, "legendFormat": legend,
            "range": True, "instant": False, "format": "time_series", **more}


def now(expr, legend="", **more):
    """The same, at the end of the range only."""
    return ask(expr, legend, range=False, instant=True, **more)


# --- how it looks

def limits(*steps, below=GREEN):
    """Colours from a value on: limits((0.8, ORANGE), (0.95, RED))."""
    return {"mode": "absolute", "steps": [{"color": below, "value": None}] +
            [{"color": color, "value": value} for value, color in steps]}


NO_LIMITS = limits()
# What is plain information, and neither good nor bad.
PLAIN = limits(below=BLUE)
FULLNESS = limits((0.8, ORANGE), (0.9, RED))
PRESSURE = limits((0.1, YELLOW), (0.25, ORANGE), (0.5, RED))
# Of what should never be there.
NONE = limits((1, RED))


def same(field, **what):
    """A rule for the one column or curve of this name."""
    return {"matcher": {"id": "byName", "options": field}, "properties": properties(what)}


def like(pattern, **what):
    """The same for all whose names match."""
    return {"matcher": {"id": "byRegexp", "options": f"/{pattern}/"},
            "properties": properties(what)}


def properties(what):
    return [{"id": name.replace("__", "."), "value": value} for name, value in what.items()]


def color(value):
    return {"mode": "fixed", "fixedColor": value}


# What flows the other way is drawn below the axis.
def mirrored(pattern):
    return like(pattern, custom__transform="negative-Y")


def board_link(title, name, *variables):
    """A link of a cell or curve: ("instance", "__field.labels.instance") hands a label on."""
    given = "".join(f"&var-{variable}=${{{value}}}" for variable, value in variables)
    return {"title": title, "targetBlank": False,
            "url": f"/d/peekpush-{name}?var-datasource=${{datasource}}{given}"
                   "&${__url_time_range}"}


def panel(kind, title, about, unit, queries, size, options, custom, *, thresholds=None, low=None,
          high=None, overrides=(), mappings=(), links=(), decimals=None, nothing=None,
          transformations=(), palette=None):
    defaults = {"unit": unit, "custom": custom, "thresholds": thresholds or NO_LIMITS,
                "mappings": list(mappings), "links": list(links),
                "color": {"mode": palette or ("thresholds" if thresholds else "palette-classic")}}
    for name, value in (("min", low), ("max", high), ("decimals", decimals), ("noValue", nothing)):
        if value is not None:
            defaults[name] = value
    for what, given in (("title", title), ("description", about), ("unit", unit)):
        if not given or not given.strip():
            raise ValueError(f"panel {title!r} has no {what}")
    targets = [{"refId": chr(ord("A") + number), **(ask(*query) if isinstance(query, tuple) else
               ask(query) if isinstance(query, str) else query)}
               for number, query in enumerate(queries)]
    return {"type": kind, "title": title, "description": about, "datasource": PROMETHEUS,
            "gridPos": {"w": size[0], "h": size[1]}, "pluginVersion": "11.6.0", "targets": targets,
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
            "options": options, "transformations": list(transformations)}


def graph(title, about, unit, *queries, w=12, h=8, stack=False, low=0, thresholds=None,
          legend="list", fill=None, palette=None, points=False, drawn="line", log=False, soft=None,
          **more):
    """Curves over time. With thresholds the limits are drawn as dashed lines; a legend is a list,
    a table with means and highest values, or none."""
    custom = {
        "drawStyle": drawn, "lineInterpolation": "linear", "lineWidth": 1,
        "fillOpacity": fill if fill is not None else 35 if stack else 0 if log else 8,
        "gradientMode": "none",
        "showPoints": "auto" if points else "never", "pointSize": 4, "spanNulls": False,
        "axisPlacement": "auto", "axisLabel": "", "axisColorMode": "text",
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if thresholds else "off"},
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
    }
    if soft is not None:
        custom["axisSoftMax"] = soft
    rows = legend == "table"
    options = {
        "legend": {"displayMode": "table" if rows else "list", "showLegend": legend != "none",
                   "placement": "right" if rows and w >= 12 else "bottom",
                   "calcs": ["mean", "max"] if rows else [],
                   **({"sortBy": "Mean", "sortDesc": True} if rows else {})},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, about, unit, queries, (w, h), options, custom, low=low,
                 thresholds=thresholds, palette=palette or "palette-classic", **more)


def stat(title, about, unit, *queries, w=3, h=4, thresholds=PLAIN, spark=True, background=False,
         text="auto", calc="lastNotNull", **more):
    """One number, with its curve behind it."""
    options = {
        "reduceOptions": {"calcs": [calc], "fields": "", "values": False},
        "colorMode": "background" if background else "value",
        "graphMode": "area" if spark else "none", "justifyMode": "auto", "orientation": "auto",
        "textMode": text, "wideLayout": True, "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    return panel("stat", title, about, unit, queries, (w, h), options, {}, thresholds=thresholds,
                 **more)


def bars(title, about, unit, *queries, w=8, h=8, thresholds=PLAIN, low=0, upright=False, **more):
    """A bar for each series, as it stands now."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "displayMode": "gradient" if upright else "lcd",
        "valueMode": "text" if upright else "color",
        "orientation": "vertical" if upright else "horizontal", "showUnfilled": True,
        "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 24, "namePlacement": "auto",
        "sizing": "auto",
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
    }
    return panel("bargauge", title, about, unit, queries, (w, h), options, {}, low=low,
                 thresholds=thresholds, **more)


def heatmap(title, about, unit, expr, w=12, h=9, scheme="Oranges"):
    """A histogram's buckets over time; `expr` must keep `le`."""
    options = {
        "calculate": False, "cellGap": 1, "cellValues": {"unit": "cps"},
        "color": {"mode": "scheme", "scheme": scheme, "fill": "dark-orange", "scale": "exponential",
                  "exponent": 0.5, "steps": 64, "reverse": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"}, "filterValues": {"le": 1e-9},
        "legend": {"show": True}, "rowsFrame": {"layout": "auto"}, "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    custom = {"hideFrom": {"legend": False, "tooltip": False, "viz": False},
              "scaleDistribution": {"type": "linear"}}
    return panel("heatmap", title, about, unit, [ask(expr, "{{le}}", format="heatmap")], (w, h),
                 options, custom)


def histogram(title, about, metric, w=12, h=9, least=32, most=2 << 20, **labels):
    """How many observations of the whole range fell between two bounds, a bar for each, from
    `least` to `most` microseconds; the first and the last bar are open."""
    chosen = dict(bounds(least, most), **{"+Inf": "more"})
    every = re.sub(r"[.+]", r"[\g<0>]", "|".join(chosen))
    expr = total("le", f"increase({sel(metric + '_bucket', le='~' + every, **labels)}{RANGE})")
    return bars(title, about, "short", now(expr, "{{le}}", format="heatmap"), w=w, h=h,
                upright=True, decimals=0,
                overrides=[same(le, displayName=name) for le, name in chosen.items()])


def bounds(least, most):
    """The bounds of the BPF programs' histograms (log2 of microseconds), as a person reads them."""
    # Short, for narrow bars: what counts is the order, so 1024 µs are told as 1 ms.
    parts = {1 << 17: "⅛s", 1 << 18: "¼s", 1 << 19: "½s"}
    micros = least
    while micros <= most:
        name = f"{micros}µs" if micros < 1000 else parts.get(
            micros, f"{micros >> 10}ms" if micros < 1 << 17 else f"{micros >> 20}s")
        yield f"{micros / 1e6:.9g}", name
        micros *= 2


def column(name, expr, unit="short", w=None, thresholds=None, cell=None, low=None, high=None,
           **more):
    """A column of a table: a query whose labels say which line. A cell is "gauge", "color-text",
    "color-background" or nothing."""
    rule = {"unit": unit, **more}
    if thresholds:
        rule["thresholds"] = thresholds
    if cell or thresholds:
        rule["custom__cellOptions"] = {"type": cell or "color-text"}
        if cell == "gauge":
            rule["custom__cellOptions"].update(mode="basic", valueDisplayMode="text")
    for key, value in (("custom__width", w), ("min", low), ("max", high)):
        if value is not None:
            rule[key] = value
    return {"name": name, "expr": expr, "rule": rule}


def table(title, about, labels, columns, w=24, h=10, sort=None, nothing=None, hide=()):
    """Lines by `labels` ({label: (heading, properties)}), with a column for each query."""
    queries = [now(each["expr"], format="table") for each in columns]
    names = {"Value" if len(columns) == 1 else f"Value #{chr(ord('A') + number)}": each["name"]
             for number, each in enumerate(columns)}
    names.update({label: heading for label, (heading, _) in labels.items()})
    order = {label: number for number, label in enumerate(list(labels) + [
        key for key in names if key.startswith("Value")])}
    hidden = {"Time": True, **{key: True for key, name in names.items() if name in hide}}
    changes = [{"id": "merge", "options": {}},
               {"id": "organize", "options": {"excludeByName": hidden, "indexByName": order,
                                              "renameByName": names}}]
    rules = [same(heading, **what) for heading, what in labels.values() if what]
    rules += [same(each["name"], **each["rule"]) for each in columns]
    options = {"showHeader": True, "frameIndex": 0, "cellHeight": "sm",
               "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": []},
               "sortBy": [{"displayName": sort.lstrip("-"), "desc": sort.startswith("-")}] if sort
               else []}
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False,
              "filterable": False}
    return panel("table", title, about, "short", queries, (w, h), options, custom, overrides=rules,
                 transformations=changes, nothing=nothing, thresholds=NO_LIMITS)


def link(*links):
    """For a column of names: where a click leads to."""
    return {"links": list(links)}


# What values mean that are words.
def words(meaning):
    """words({0: ("no", RED), 1: ("yes", GREEN)})"""
    return [{"type": "value", "options": {
        str(key): {"text": text, "color": shade, "index": index}
        for index, (key, (text, shade)) in enumerate(meaning.items())}}]


YES_NO = words({0: ("no", RED), 1: ("yes", GREEN)})


# --- where it stands

def row(title, *panels, collapsed=False):
    return {"title": title, "panels": panels, "collapsed": collapsed}


def placed(panels, y):
    """Panels of one row at their places, and where the next row begins."""
    x, height, out = 0, 0, []
    for each in panels:
        place = each["gridPos"]
        if x + place["w"] > COLUMNS:
            x, y, height = 0, y + height, 0
        out.append({**each, "gridPos": {"h": place["h"], "w": place["w"], "x": x, "y": y}})
        x, height = x + place["w"], max(height, place["h"])
    return out, y + height


def arranged(rows):
    panels, y = [], 0
    for each in rows:
        head = {"type": "row", "title": each["title"], "collapsed": each["collapsed"], "panels": [],
                "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y}}
        inside, end = placed(each["panels"], y + 1)
        if each["collapsed"]:
            head["panels"], y = inside, y + 1
            panels.append(head)
        else:
            panels += [head] + inside
            y = end
    number = 0
    for each in panels:
        for one in [each] + each.get("panels", []):
            number += 1
            one["id"] = number
    return panels


# --- what a reader chooses

def variable(name, label, query, *, multi=True, regex="", every=".*"):
    """A variable whose values Prometheus knows; with `multi` several, and All to begin with, which
    is `every`, or with a `regex` what that lets through."""
    out = {"type": "query", "name": name, "label": label, "datasource": PROMETHEUS,
           "definition": query, "query": {"query": query, "refId": f"variable-{name}"},
           "refresh": 2, "regex": regex, "sort": 1, "multi": multi, "includeAll": multi,
           "hide": 0, "options": [], "skipUrlSync": False,
           "current": {"selected": False, "text": "", "value": ""}}
    if multi:
        out["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
        if every and not regex:
            out["allValue"] = every
    return out


def hosts(multi=True, of="peekpush_running"):
    return variable("instance", "Host", f"label_values({of}, instance)", multi=multi)


DATASOURCE = {
    "type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus",
    "regex": "", "refresh": 1, "multi": False, "includeAll": False, "hide": 0, "options": [],
    "skipUrlSync": False,
    "current": {"selected": True, "text": "peekpush", "value": "peekpush-prometheus"},
}


# --- what is marked

def mark(name, expr, shade, *, title, text="", on=True, value_is_time=False):
    return {"name": name, "datasource": PROMETHEUS, "enable": on, "hide": False, "iconColor": shade,
            "expr": expr, "titleFormat": title, "textFormat": text, "tagKeys": "",
            "step": "", "useValueForTime": value_is_time}


REBOOTS = mark("Reboots", sel("node_boot_time_seconds") + " * 1000", PURPLE, value_is_time=True,
               title="{{instance}} was booted")
JOB_ENDS = mark("Ends of jobs", sel("peekpush_job_end_timestamp_seconds") + " * 1000", BLUE,
                value_is_time=True, title="{{job}} {{stage}} ended on {{instance}}", on=False)
ALERTS = mark("Alerts", sel("ALERTS", alertstate="firing"), RED, title="{{alertname}}",
              text="{{severity}}, {{instance}} {{job}}", on=False)


# --- the whole

def board(title, about, variables, rows, marks=(REBOOTS, JOB_ENDS, ALERTS), time="now-1h"):
    return {"title": title, "description": about, "variables": variables, "rows": rows,
            "marks": marks, "time": time}


def model(name, what):
    built_in = {"name": "Annotations & Alerts", "type": "dashboard", "builtIn": 1, "enable": True,
                "hide": True, "iconColor": "rgba(0, 211, 255, 1)",
                "datasource": {"type": "grafana", "uid": "-- Grafana --"}}
    return {
        "uid": f"peekpush-{name}", "title": what["title"], "description": what["description"],
        "tags": ["peekpush"], "schemaVersion": 41, "version": 1, "editable": True,
        "fiscalYearStartMonth": 0, "graphTooltip": 1, "liveNow": False, "timezone": "browser",
        "weekStart": "", "refresh": "30s", "time": {"from": what["time"], "to": "now"},
        "timepicker": {}, "annotations": {"list": [built_in, *what["marks"]]},
        "links": [{"type": "dashboards", "title": "peekpush", "tags": ["peekpush"],
                   "asDropdown": False, "includeVars": True, "keepTime": True, "targetBlank": False,
                   "icon": "external link", "tooltip": "", "url": ""}],
        "templating": {"list": [DATASOURCE, *what["variables"]]},
        "panels": arranged(what["rows"]),
    }


def text(name, what):
    return json.dumps(model(name, what), indent=1, ensure_ascii=False) + "\n"
