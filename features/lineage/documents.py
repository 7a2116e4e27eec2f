"""Our datasets and jobs as OpenLineage describes them: columns, where each comes from, versions, what gates found.

Invariant: names of tables, columns, event types and suites, counts and digests; nothing that an event said, and no
person's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    output_statistics_output_dataset,
    schema_dataset,
    tags_dataset,
)

from features.feature_set import FeatureSet
from features.history import SCHEMA as HISTORY
from features.lineage.rests_on import event_types
from ingestion.lake import SCHEMA as EVENTS
from quality.verdict import Action, Verdict

Facets = dict[str, object]


def events_of(namespace: str) -> InputDataset:
    """The canonical events: the topic, and the lake's table of the same name and columns."""
    return InputDataset(namespace, "events", facets={"schema": _schema({each.name: str(each.type) for each in EVENTS})})


def history_in(namespace: str, features: FeatureSet, verdict: Verdict | None = None) -> InputDataset:
    """The feature history as a job reads it, with what a gate found in it."""
    found = {} if verdict is None else {"dataQualityAssertions": assertions(verdict)}
    return InputDataset(namespace, "feature_history", facets=_history(features), inputFacets=found)


def history_out(namespace: str, features: FeatureSet, rows: int) -> OutputDataset:
    """The feature history as it is written, with so many new rows."""
    return OutputDataset(namespace, "feature_history", facets=_history(features), outputFacets=_counted(rows))


def features_out(
    namespace: str, name: str, features: FeatureSet, *, version: str = "", rows: int = 0, verdict: Verdict | None = None
) -> OutputDataset:
    """A dataset with a column for each feature, traced back to the events that it rests on."""
    facets: Facets = {
        "schema": _schema(
            {one.name: "double" for one in features.features}, {one.name: one.description for one in features.features}
        ),
        "columnLineage": _columns(namespace, features),
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(version or features.hash),
        "tags": _tags(features),
    }
    if verdict is not None:
        facets["dataQualityAssertions"] = assertions(verdict)
    return OutputDataset(namespace, name, facets=facets, outputFacets=_counted(rows))


def assertions(verdict: Verdict) -> object:
    """A gate's verdict. What was observed is left out: a gate may name a value there."""
    of_suite = data_quality_assertions_dataset.Assertion(assertion=verdict.suite, success=verdict.action is Action.PASS)
    failed = [
        data_quality_assertions_dataset.Assertion(
            assertion=finding.expectation,
            success=False,
            column=finding.column,
            severity="warn" if finding.action is Action.WARN else "error",
            actual=f"{finding.unexpected} rows",
        )
        for finding in verdict.findings
    ]
    return data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet([of_suite, *failed])


def _history(features: FeatureSet) -> Facets:
    return {
        "schema": _schema({each.name: str(each.type) for each in HISTORY}),
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(features.hash),
        "tags": _tags(features),
    }


def _schema(types: Mapping[str, str], descriptions: Mapping[str, str] | None = None) -> object:
    said = descriptions or {}
    fields = [
        schema_dataset.SchemaDatasetFacetFields(name, type=kind, description=said.get(name))
        for name, kind in types.items()
    ]
    return schema_dataset.SchemaDatasetFacet(fields)


def _tags(features: FeatureSet) -> object:
    told = {"feature_set": features.service, "revision": str(features.revision), "hash": features.hash}
    return tags_dataset.TagsDatasetFacet(
        [tags_dataset.TagsDatasetFacetFields(key, value, source="LEADLINE") for key, value in told.items()]
    )


def _columns(namespace: str, features: FeatureSet) -> object:
    types = event_types(features)
    fields = {
        one.name: column_lineage_dataset.Fields(_inputs(namespace, types[one.name], one.description))
        for one in features.features
    }
    return column_lineage_dataset.ColumnLineageDatasetFacet(fields)


def _inputs(namespace: str, types: Sequence[str], description: str) -> list[object]:
    """The events' columns that a feature is made of: chosen by type, counted or read in the body."""
    chosen = [column_lineage_dataset.Transformation("INDIRECT", "FILTER", type_) for type_ in types]
    read = [column_lineage_dataset.Transformation("DIRECT", "AGGREGATION", description)]
    return [
        column_lineage_dataset.InputField(namespace, "events", "type", chosen),
        column_lineage_dataset.InputField(namespace, "events", "body", read),
    ]


def _counted(rows: int) -> Facets:
    return (
        {"outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)}
        if rows
        else {}
    )
