"""Loads a versioned policy and decides by it: facts in, tier, route and the rows that decided out.

Invariant: the same file and the same facts give the same outcome, and a policy that fails its linter or its
golden cases is never loaded. Source of the format: GoRules JDM (github.com/gorules/zen, MIT).
"""

from __future__ import annotations

import copy
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import zen

from scoring.errors import PolicyError
from scoring.policy.facts import Facts, PolicyOutcome, Weights
from scoring.policy.linter import lint

LEAD_ROUTING = Path(__file__).parent / "lead_routing"
_ROW = "__row"


class PolicyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy file: who it is, the weights of the composite, and the decision graph in JDM."""

    name: str
    version: str
    notes: list[str]
    weights: Weights
    decision: dict[str, Any]


class GoldenCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts and the outcome that this version promised for them."""

    case: str
    facts: Facts
    outcome: PolicyOutcome


class Policy:
    """One version of a policy, compiled. Thread-safe; deciding takes about 20 µs and does no I/O."""

    def __init__(self, document: PolicyDocument, digest: str) -> None:
        """Compile the document.

        Raises:
            PolicyError: the weights or the graph are faulty.
        """
        if abs(document.weights.ml + document.weights.llm - 1) > 1e-9 or document.weights.ml <= 0:
            raise PolicyError(f"the weights of {document.name} {document.version} must be positive and add up to 1")
        lint(document.decision)
        self.name = document.name
        self.version = document.version
        self.digest = digest
        self.weights = document.weights
        content = {document.name: _naming_rows(document.decision)}
        self._engine = zen.ZenEngine({"loader": {"type": "static", "content": content}})

    def decide(self, facts: Facts) -> PolicyOutcome:
        """The outcome for these facts.

        Raises:
            PolicyError: a fact is out of its range, or the table's answer is not an outcome.
        """
        try:
            result = self._engine.evaluate(self.name, msgspec.json.encode(facts))["result"]
        except (RuntimeError, ValueError) as error:
            raise PolicyError(f"policy {self.name} {self.version} refused its facts: {_plain(error)}") from None
        try:
            return msgspec.convert(
                {
                    **result,
                    "review_reasons": [row["reason"] for row in result["review"]],
                    "rule": f"{result['tier_row']}/{result['route_row']}",
                },
                PolicyOutcome,
            )
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            raise PolicyError(f"policy {self.name} {self.version} gave no outcome for {facts}: {error}") from None


def load(version: str | None = None, folder: Path = LEAD_ROUTING) -> Policy:
    """The policy of that version, else the newest one in the folder. Its digest is the file's SHA-256.

    Raises:
        PolicyError: no such version, a faulty file, or an outcome that differs from a golden case.
    """
    versions = {path.stem: path for path in folder.glob("*.json") if path.stem.isdigit()}
    if not versions or (version is not None and version not in versions):
        raise PolicyError(f"{folder.name} has no policy version {version}; there are {sorted(versions, key=int)}")
    path = versions[version or max(versions, key=int)]
    policy = parse(path.read_bytes())
    if (policy.name, policy.version) != (folder.name, path.stem):
        raise PolicyError(f"{path.name} calls itself {policy.name} {policy.version}; file and content must agree")
    check_golden(policy, path.with_suffix(".golden.json"))
    return policy


def parse(content: bytes) -> Policy:
    """Compile a policy file's bytes.

    Raises:
        PolicyError: the file does not follow the schema or its graph is faulty.
    """
    try:
        document = msgspec.json.decode(content, type=PolicyDocument)
    except msgspec.MsgspecError as error:
        raise PolicyError(f"the policy file cannot be read: {error}") from None
    return Policy(document, sha256(content).hexdigest())


def check_golden(policy: Policy, cases: Path) -> int:
    """How many golden cases hold; each promised outcome must be the given one.

    Raises:
        PolicyError: there are no cases, or one does not hold; it is named.
    """
    try:
        golden = msgspec.json.decode(cases.read_bytes(), type=list[GoldenCase])
    except (OSError, msgspec.MsgspecError) as error:
        raise PolicyError(f"policy {policy.name} {policy.version} has no readable golden cases: {error}") from None
    for case in golden:
        outcome = policy.decide(case.facts)
        if outcome != case.outcome:
            raise PolicyError(f"golden case {case.case!r} promised {case.outcome} but the table gives {outcome}")
    if not golden:
        raise PolicyError(f"policy {policy.name} {policy.version} has no golden cases; write at least one a row")
    return len(golden)


def _naming_rows(graph: dict[str, Any]) -> dict[str, Any]:
    """The graph with each deciding row's id as one more output, `{table}_row`.

    The engine's own trace names the row too, but takes as long again as deciding does.
    """
    named = copy.deepcopy(graph)
    for node in named["nodes"]:
        if node["type"] == "decisionTableNode" and node["content"]["hitPolicy"] == "first":
            node["content"]["outputs"].append({"id": _ROW, "name": "Row", "field": f"{node['id']}_row"})
            for row in node["content"]["rules"]:
                row[_ROW] = json.dumps(row["_id"])
    return named


def _plain(error: Exception) -> str:
    """The engine's own sentence without the Rust backtrace that follows it."""
    line = str(error).split("\n", 1)[0]
    try:
        return str(json.loads(line)["source"]).removeprefix(": ")
    except (ValueError, KeyError, TypeError):
        return line
