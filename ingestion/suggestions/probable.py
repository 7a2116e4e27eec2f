"""Pairs of people who are probably one, by Splink: Fellegi and Sunter's model with weights that are stated here.

Invariant: a pure function of the people. Nothing is trained or sampled: how often two people agree by chance is taken
from how common each value is among them, and how often one person's two records agree is stated below. DuckDB works in
memory and may not spill to disk, for the people are in the clear.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ingestion.errors import SettingsError
from ingestion.identity.review import Suggestion
from ingestion.suggestions.people import Person

DUPLICATES = 0.05  # of the people, who are expected to be there twice
_COLUMNS = ("lead", "first", "last", "phone", "company")
_SCHEMA = pa.schema([(name, pa.string()) for name in _COLUMNS])

# Of one person's two records, and of two people's: how often a comparison comes out exact, close, different.
# Judgements, not measurements; tests say what precision and recall they come to. Splink corrects the chances of two
# people by how common the very value is.
_LAST = ([0.80, 0.15, 0.05], [0.001, 0.004, 0.995])
_FIRST = ([0.75, 0.15, 0.10], [0.01, 0.01, 0.98])
_PHONE = ([0.70, 0.10, 0.20], [0.00001, 0.00001, 0.99998])
_COMPANY = ([0.50, 0.50], [0.01, 0.99])
_CLOSE_LAST, _CLOSE_FIRST = 0.92, 0.90  # Jaro-Winkler similarity


def probable_pairs(people: Sequence[Person], threshold: float) -> list[Suggestion]:
    """The pairs that are one person with at least this probability, the most probable first.

    Raises:
        SettingsError: Splink is not installed.
    """
    if len(people) < 2:
        return []
    rows = _linker(people).inference.predict(threshold_match_probability=threshold).as_record_list()
    found = (
        Suggestion(
            min(row["lead_l"], row["lead_r"]),
            max(row["lead_l"], row["lead_r"]),
            row["match_probability"],
            tuple(_agreed(row)),
        )
        for row in rows
    )
    return sorted(found, key=lambda pair: (-pair.probability, pair.lead, pair.other))


def _agreed(row: dict[str, Any]) -> list[str]:
    levels = {name: row[f"gamma_{name}"] for name in _COLUMNS[1:]}
    best = {"company": 1}
    return [name if level == best.get(name, 2) else f"{name} nearly" for name, level in levels.items() if level > 0]


def _linker(people: Sequence[Person]) -> Any:
    try:
        import duckdb
        from splink import DuckDBAPI, Linker, SettingsCreator, block_on
        from splink import comparison_library as compare
    except ImportError:
        raise SettingsError("suggestions need Splink: pip install 'leadline[splink]'") from None
    logging.getLogger("splink").setLevel(logging.WARNING)

    def weighed(comparison: Any, weights: tuple[list[float], list[float]]) -> Any:
        same, others = weights
        return comparison.configure(
            term_frequency_adjustments=True, m_probabilities=list(same), u_probabilities=list(others)
        )

    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="lead",
        probability_two_random_records_match=2 * DUPLICATES / len(people),
        comparisons=[
            weighed(compare.JaroWinklerAtThresholds("first", [_CLOSE_FIRST]), _FIRST),
            weighed(compare.JaroWinklerAtThresholds("last", [_CLOSE_LAST]), _LAST),
            weighed(compare.LevenshteinAtThresholds("phone", 1), _PHONE),
            weighed(compare.ExactMatch("company"), _COMPANY),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("phone"),
            block_on("first", "last"),
            block_on("last", "company"),
            block_on("first", "company"),
        ],
        retain_matching_columns=True,
        retain_intermediate_calculation_columns=False,
    )
    database = DuckDBAPI(duckdb.connect(":memory:", config={"temp_directory": ""}))
    columns = {name: [getattr(person, name) for person in people] for name in _COLUMNS}
    return Linker(database.register(pa.table(columns, schema=_SCHEMA), dataset_display_name="people"), settings)
