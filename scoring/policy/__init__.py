"""Versioned decision policies: facts in, tier and route out."""

from scoring.policy.engine import Policy, load
from scoring.policy.facts import Facts, PolicyOutcome, Weights

__all__ = ["Facts", "Policy", "PolicyOutcome", "Weights", "load"]
