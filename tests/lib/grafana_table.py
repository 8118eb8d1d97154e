# SPDX-License-Identifier: Apache-2.0
"""The columns of a table panel after its transformations, and whether each has what it needs."""


def frames_of(targets):
    """The columns of each query's table: Time, its labels, and its value. {name: is a number}"""
    several = len(targets) > 1
    frames = []
    for target, result in targets:
        value = f"Value #{target['refId']}" if several else "Value"
        labels = {label for labels, _ in result for label in labels}
        frames.append({"Time": False} | {label: False for label in sorted(labels)} | {value: True})
    return frames


def join(frames, field):
    """Columns of one name that are not joined on get a number each."""
    if any(field not in frame for frame in frames):
        raise ValueError(f"joined by {field}, which not each query has")
    names = [name for frame in frames for name in frame if name != field]
    out, seen = {field: False}, {}
    for frame in frames:
        for name, number in frame.items():
            if name == field:
                continue
            seen[name] = seen.get(name, 0) + 1
            out[name if names.count(name) == 1 else f"{name} {seen[name]}"] = number
    return out


def organize(columns, options):
    names = options.get("renameByName", {})
    missing = [n for n in names if n not in columns]
    if missing:
        raise ValueError(f"renames {', '.join(missing)}, which is no column of {list(columns)}")
    # None: it is there, and nobody sees it.
    return {names.get(n) or n: None if options.get("excludeByName", {}).get(n) else number
            for n, number in columns.items()}


def transformed(panel, targets):
    frames = frames_of(targets)
    for step in panel.get("transformations", []):
        kind, options = step["id"], step.get("options", {})
        if kind == "merge":
            merged = {}
            for frame in frames:
                merged |= frame
            frames = [merged]
        elif kind in ("joinByField", "seriesToColumns"):
            frames = [join(frames, options["byField"])]
        elif kind == "organize":
            frames = [organize(frame, options) for frame in frames]
        elif kind == "filterFieldsByName":
            names = options["include"]["names"]
            frames = [{n: frame[n] for n in names if n in frame} for frame in frames]
        elif kind not in ("sortBy", "limit", "filterByValue"):
            raise ValueError(f"transformation {kind} is not known to this test")
    if len(frames) != 1:
        raise ValueError("several tables, of which one is seen: merge them")
    return frames[0]


def columns(panel, targets):
    """What is wrong with the columns, in words."""
    try:
        found = transformed(panel, targets)
    except ValueError as error:
        yield str(error)
        return
    config = panel.get("fieldConfig", {})
    units, hidden = set(), set()
    for override in config.get("overrides", []):
        if override["matcher"]["id"] != "byName":
            continue
        name = override["matcher"]["options"]
        if name not in found:
            yield f"overrides column \"{name}\", which is none of {list(found)}"
        for prop in override["properties"]:
            if prop["id"] == "unit":
                units.add(name)
            if prop["id"] == "custom.hidden" and prop["value"]:
                hidden.add(name)
    for name, number in found.items():
        if name in hidden or number is None:
            continue
        if name.startswith(("Time", "Value")) or name == "__name__":
            yield f"column \"{name}\" is called as Grafana calls it"
        if number and name not in units and not config.get("defaults", {}).get("unit"):
            yield f"column \"{name}\" has no unit"
