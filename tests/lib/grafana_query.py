# SPDX-License-Identifier: Apache-2.0
"""Grafana's part of a query: variables, macros and legends, as its Prometheus data source does "
"them."""
import json
import re
import urllib.error
import urllib.parse
import urllib.request

ALL = "$__all"
# A rate's window: several of the test's scrapes, also when some of them fail.
MACROS = {"__rate_interval": "2m", "__interval": "5s", "__interval_ms": "5000", "__range": "10m",
          "__range_s": "600", "__range_ms": "600000"}
# Not $1, which is a regular expression's.
USE = re.compile(r"\$([a-zA-Z_]\w*)|\$\{(\w+)(?:\.[\w.]+)?(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`')
KEYWORDS = set("""and or unless on ignoring group_left group_right by without bool offset inf nan
    start end""".split())


class Prometheus:
    """Answers of a server; the same question is asked once for each `fresh`."""

    def __init__(self, url):
        self.url = url
        self.answers = {}

    def fresh(self):
        self.answers = {}

    def get(self, path, **params):
        key = path + "?" + urllib.parse.urlencode(params, doseq=True)
        if key not in self.answers:
            try:
                with urllib.request.urlopen(f"{self.url}/api/v1/{key}", timeout=30) as answer:
                    self.answers[key] = json.load(answer)["data"]
            except urllib.error.HTTPError as error:
                raise ValueError(json.load(error).get("error", str(error))) from None
            except OSError as error:
                raise ValueError(f"Prometheus does not answer: {error}") from None
        return self.answers[key]

    def query(self, expr):
        """The series of an instant query as (labels, value); a scalar is one without labels."""
        data = self.get("query", query=expr)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(row["metric"], float(row["value"][1])) for row in data["result"]]

    def names(self):
        return set(self.get("label/__name__/values"))

    def label_values(self, label, selector):
        params = {"match[]": selector} if selector else {}
        return self.get(f"label/{label}/values", **params)


def uses(text):
    """The variables in a text, with their formats."""
    return [(m[1] or m[2] or m[4], m[3] or m[5]) for m in USE.finditer(text)]


def is_multi(variable):
    return bool(variable.get("multi") or variable.get("includeAll"))


def regex_escape(value):
    return re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\\\\\\\"))


def substitute(text, variables, values):
    """The text with each variable replaced by its value: a string, a list, or ALL for allValue."""
    def one(match):
        name = match[1] or match[2] or match[4]
        form = match[3] or match[5]
        if name in MACROS:
            return MACROS[name]
        if name not in values:
            raise ValueError(f"${name} is no variable")
        value, variable = values[name], variables[name]
        if value == ALL:
            return variable["allValue"]
        listed = value if isinstance(value, list) else [value]
        if form == "raw":
            return listed[0] if len(listed) == 1 else "{" + ",".join(listed) + "}"
        if form == "csv":
            return ",".join(listed)
        if form == "pipe":
            return "|".join(listed)
        if form == "regex":
            return "|".join(re.escape(item) for item in listed)
        if form:
            raise ValueError(f"format {form} of ${name} is not known here")
        if not is_multi(variable):
            return listed[0].replace("\\", "\\\\").replace('"', '\\"')
        escaped = [regex_escape(item) for item in listed]
        return escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"
    return USE.sub(one, text)


def query_of(variable):
    """A query variable's query: Grafana has it as a string, or as an object around it."""
    query = variable.get("query", "")
    return query.get("query", "") if isinstance(query, dict) else query


def values_of(variable, variables, values, prometheus):
    """What one can choose from."""
    kind = variable["type"]
    if kind in ("custom", "interval"):
        query = variable["query"]
        return [item.partition(" : ")[2].strip() or item.strip() for item in query.split(",")]
    if kind in ("constant", "textbox"):
        return [variable.get("query", "")]
    query = substitute(query_of(variable), variables, values)
    found = re.fullmatch(r"label_values\((?:(.*),\s*)?(\w+)\)", query, re.S)
    if found:
        result = prometheus.label_values(found[2], found[1])
    elif found := re.fullmatch(r"metrics\((.*)\)", query):
        result = [name for name in prometheus.names() if re.search(found[1], name)]
    elif found := re.fullmatch(r"query_result\((.*)\)", query, re.S):
        result = [labels.get("__name__", "")
                  + "{" + ",".join(f'{k}="{v}"' for k, v in labels.items() if k != "__name__")
                  + "} " + str(value) for labels, value in prometheus.query(found[1])]
    else:
        raise ValueError(f"no known kind of query: {query}")
    if variable.get("regex"):
        pattern = re.compile(variable["regex"].strip("/"))
        matches = [m for m in map(pattern.search, result) if m]
        # As there, the first group is the value, also where it has matched nothing.
        result = [m.groupdict().get("value") or (m[1] if m.groups() else m[0]) for m in matches]
        if None in result:
            raise ValueError("the first group of its regex matches nothing")
    return sorted(set(result))


def rendered(legend, labels):
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda m: labels.get(m[1], ""), legend)


def legend_labels(legend):
    return re.findall(r"\{\{\s*(\w+)\s*\}\}", legend)


def metric_names(expr):
    """The names of metrics in an expression, variables substituted."""
    named = re.findall(r'__name__\s*=\s*"([^"]*)"', expr)
    text = STRING.sub('""', expr)
    text = re.sub(r"#.*", "", text)
    text = re.sub(r"\{[^}]*\}", "{}", text)
    text = re.sub(r"\[[^]]*\]", "", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    text = re.sub(r"\boffset\s+-?\s*[\dsmhdwy]+", " ", text)
    names = re.findall(r"(?<![\w.:])([a-zA-Z_:][\w:]*)\b(?!\s*\()", text)
    return set(named) | {name for name in names if name.lower() not in KEYWORDS}
