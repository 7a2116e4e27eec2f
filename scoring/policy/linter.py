"""Refuses a decision table that zen-engine would accept and then decide wrongly.

Seen with zen-engine 2.1.3: `validate()` passes a cell like `>= (`, and the row then never matches; an input
that is missing makes every comparison false, so that the last row decides; a function node runs JavaScript
and may hold the call for seconds. So: only plain tables, every cell compiled, every name known, a final row
that matches everything, and a schema that requires every input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import zen

from scoring.errors import PolicyError

NODE_TYPES = frozenset({"inputNode", "decisionTableNode", "outputNode"})
HIT_POLICIES = frozenset({"first", "collect"})
_WORDS = frozenset({"and", "or", "not", "in", "true", "false", "null", "len"})
_STRING = re.compile(r'"[^"]*"|\'[^\']*\'')
_NAME = re.compile(r"[A-Za-z_]\w*")


def lint(graph: dict[str, Any]) -> None:
    """Accept the graph silently.

    Raises:
        PolicyError: names each fault with its node, row and cell.
    """
    faults = list(_faults(graph))
    if faults:
        raise PolicyError(f"the decision graph has {len(faults)} fault(s): {'; '.join(faults)}. Nothing was loaded.")


def _faults(graph: dict[str, Any]) -> Iterator[str]:
    nodes = graph.get("nodes", [])
    kinds = [node.get("type") for node in nodes]
    for node in nodes:
        if node.get("type") not in NODE_TYPES:
            yield f"node {node.get('id')}: type {node.get('type')!r} is not one of {sorted(NODE_TYPES)}"
    if kinds.count("inputNode") != 1 or kinds.count("outputNode") != 1:
        yield "there must be exactly one input and one output node"
        return
    known, faults = _inputs(next(node for node in nodes if node["type"] == "inputNode"))
    yield from faults
    order = _chain(graph)
    if len(order) != len(nodes):
        yield "the edges must form one line through every node, from the input to the output"
        return
    for node in order:
        if node["type"] == "decisionTableNode":
            yield from _table_faults(node, known)
            content = node["content"]
            path = content.get("outputPath")
            known |= {path} if path else {output["field"] for output in content["outputs"]}


def _inputs(node: dict[str, Any]) -> tuple[set[str], list[str]]:
    try:
        schema = json.loads(node.get("content", {}).get("schema") or "{}")
    except ValueError:
        return set(), ["the input schema is not JSON"]
    names = set(schema.get("properties", {}))
    if not names or set(schema.get("required", ())) != names or schema.get("additionalProperties") is not False:
        return names, ["the input schema must name every property, require every one and allow no other"]
    return names, []


def _chain(graph: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes in order from the input, as far as each has exactly one follower."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    followers: dict[str, list[str]] = {}
    for edge in graph.get("edges", []):
        followers.setdefault(edge["sourceId"], []).append(edge["targetId"])
    at = next(node["id"] for node in graph["nodes"] if node["type"] == "inputNode")
    line = [at]
    while len(followers.get(at, ())) == 1 and followers[at][0] in nodes and followers[at][0] not in line:
        at = followers[at][0]
        line.append(at)
    return [nodes[key] for key in line]


def _table_faults(node: dict[str, Any], known: set[str]) -> Iterator[str]:
    name, table = node["id"], node["content"]
    inputs = {column["id"]: column["field"] for column in table["inputs"]}
    outputs = [column["id"] for column in table["outputs"]]
    rows = table["rules"]
    if table.get("hitPolicy") not in HIT_POLICIES:
        yield f"table {name}: hit policy {table.get('hitPolicy')!r} is not one of {sorted(HIT_POLICIES)}"
    for column, field in inputs.items():
        yield from _cell_faults(f"table {name}, column {column}", field, known, unary=False)
    ids = [row.get("_id") for row in rows]
    if not all(ids) or len(set(ids)) != len(ids):
        yield f"table {name}: every row needs an _id of its own"
    for row in rows:
        place = f"table {name}, row {row.get('_id')}"
        stray = set(row) - set(inputs) - set(outputs) - {"_id", "_description"}
        if stray:
            yield f"{place}: {sorted(stray)} are no columns"
        for column in inputs:
            if row.get(column):
                yield from _cell_faults(f"{place}, {column}", row[column], known, unary=True)
        for column in outputs:
            if row.get(column):
                yield from _cell_faults(f"{place}, {column}", row[column], known, unary=False)
            else:
                yield f"{place}: the output {column} is empty"
    if table.get("hitPolicy") == "first":
        catch_all = [not any(row.get(column) for column in inputs) for row in rows]
        if not catch_all or not catch_all[-1] or any(catch_all[:-1]):
            yield f"table {name}: the last row, and only it, must match everything"


def _cell_faults(place: str, cell: str, known: set[str], *, unary: bool) -> Iterator[str]:
    try:
        (zen.compile_unary_expression if unary else zen.compile_expression)(cell)
    except (RuntimeError, ValueError) as error:
        yield f"{place}: {cell!r} does not compile ({str(error).splitlines()[0]})"
    unknown = set(_NAME.findall(_STRING.sub("", cell))) - known - _WORDS
    if unknown:
        yield f"{place}: {cell!r} speaks of {sorted(unknown)}, which no earlier node gives"
