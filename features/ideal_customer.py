"""The firm's ideal customer: edit this file to say who you sell to. It is part of the feature hash."""

from __future__ import annotations

INDUSTRIES = frozenset(
    {
        "computer software",
        "software",
        "information technology and services",
        "internet",
        "financial services",
        "manufacturing",
        "logistics and supply chain",
    }
)

TECHNOLOGIES = frozenset({"kafka", "snowflake", "salesforce", "hubspot", "segment", "postgresql"})


def industry_match(industry: str) -> float:
    """1 if the firm sells to this industry, else 0."""
    return float(industry.replace("_", " ") in INDUSTRIES)


def technology_fit(technologies: str) -> float:
    """Share of the wanted technologies that a company uses, 0–1."""
    return len(TECHNOLOGIES.intersection(technologies.split(";"))) / len(TECHNOLOGIES)
