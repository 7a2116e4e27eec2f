"""The offline store finds, for any rows and any question, what was known then: over Parquet and Delta alike."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.data_format import DeltaFormat
from feast.repo_config import RepoConfig
from feast.types import Float64, String
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.offline_store import ROWS as ROWS_TAG
from tests.conftest import tries

BEGIN = datetime(2026, 5, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIRM = Entity(name="firm", join_keys=["firm"], value_type=ValueType.STRING)
SITE = Entity(name="site", join_keys=["site"], value_type=ValueType.STRING)


COLUMNS = {"firm": String, "site": String, "value": Float64}


class Row(NamedTuple):
    """A stored row: whose, when it was known and written (seconds), and what."""

    firm: str
    site: str
    known: int
    created: int
    value: float | None


class Asked(NamedTuple):
    """A question: whose, as of when (seconds)."""

    firm: str | None
    site: str | None
    at: int


class Repository:
    """A Feast repository with one view, its rows in a file of `kind`."""

    def __init__(self, home: Path, kind: str) -> None:
        self._home = home
        self._kind = kind

    def store(
        self, rows: Sequence[Row], *, ttl: timedelta = timedelta(0), tags: dict[str, str] | None = None
    ) -> FeatureStore:
        """Feast, once these rows are in the table."""
        path = self._home / "rows.parquet"
        table = pa.table(
            {
                "company": pa.array([row.firm for row in rows], pa.string()),
                "site": pa.array([row.site for row in rows], pa.string()),
                "known": pa.array([BEGIN + row.known * SECOND for row in rows], pa.timestamp("us", "UTC")),
                "created": pa.array([BEGIN + row.created * SECOND for row in rows], pa.timestamp("us", "UTC")),
                "value": pa.array([row.value for row in rows], pa.float64()),
            }
        )
        if "delta" in self._kind:
            write_deltalake(str(path), table, partition_by=["site"] if self._kind == "partitioned delta" else None)
        else:
            pq.write_table(table, path)
        source = FileSource(
            path=str(path),
            file_format=DeltaFormat() if "delta" in self._kind else None,
            timestamp_field="known",
            created_timestamp_column="created",
            field_mapping={"company": "firm"},
            tags=tags,
        )
        view = FeatureView(
            name="staff",
            entities=[FIRM, SITE],
            ttl=ttl,
            schema=[Field(name=name, dtype=dtype) for name, dtype in COLUMNS.items()],
            source=source,
        )
        store = FeatureStore(config=self._config())
        store.apply([FIRM, SITE, view])
        return store

    def _config(self) -> RepoConfig:
        return RepoConfig(
            project="offline",
            provider="local",
            registry={"path": str(self._home / "registry.db")},
            online_store={"type": "sqlite", "path": str(self._home / "online.db")},
            offline_store={"type": "features.offline_store.LakeOfflineStore"},
            entity_key_serialization_version=3,
        )


def known(store: FeatureStore, asked: Sequence[Asked], **given: Any) -> list[float | None]:
    """What the store says of each question, in order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = store.get_historical_features(entities(asked), ["staff:value"], **given).to_df()
    assert [*frame["firm"].fillna("")] == [one.firm or "" for one in asked]
    (column,) = [name for name in frame.columns if name.endswith("value")]
    return [None if pd.isna(value) else float(value) for value in frame[column]]


def entities(asked: Sequence[Asked]) -> pd.DataFrame:
    """The questions as Feast takes them."""
    return pd.DataFrame(
        {
            "firm": pd.Series([one.firm for one in asked], dtype="object"),
            "site": pd.Series([one.site for one in asked], dtype="object"),
            "event_timestamp": pd.to_datetime([BEGIN + one.at * SECOND for one in asked], utc=True),
        }
    )


def expected(rows: Sequence[Row], one: Asked, ttl: int) -> float | None:
    """By reading everything."""
    before = [row for row in rows if (row.firm, row.site) == (one.firm, one.site) and row.known <= one.at]
    newest = max(before, key=lambda row: (row.known, row.created), default=None)
    return newest.value if newest is not None and (not ttl or one.at - newest.known <= ttl) else None


SECONDS = st.integers(0, 20)
KEYS = st.sampled_from(["a", "b"])
ROWS = st.lists(
    st.builds(Row, KEYS, KEYS, SECONDS, SECONDS, st.none() | st.floats(-1, 1)),
    max_size=30,
    unique_by=lambda row: row[:4],
)
QUESTIONS = st.lists(st.builds(Asked, KEYS | st.none(), KEYS, SECONDS), min_size=1, max_size=20)
STAFF = [Row("a", "x", 1, 1, 1.0), Row("a", "x", 3, 3, 3.0), Row("b", "x", 2, 2, 20.0)]

kinds = pytest.mark.parametrize("kind", ["parquet", "delta", "partitioned delta"])


@kinds
@settings(max_examples=tries(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, asked=QUESTIONS, ttl=st.integers(0, 5))
def test_any_question_is_answered_with_what_was_known_then(
    rows: list[Row], asked: list[Asked], ttl: int, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = Repository(tmp_path_factory.mktemp(kind), kind).store(rows, ttl=ttl * SECOND)
    assert known(store, asked) == [expected(rows, one, ttl) for one in asked]


@kinds
def test_a_source_has_the_rows_that_its_tag_names(kind: str, tmp_path: Path) -> None:
    store = Repository(tmp_path, kind).store(STAFF, tags={ROWS_TAG: "value > 10"})
    assert known(store, [Asked("a", "x", 9), Asked("b", "x", 9)]) == [None, 20.0]


@kinds
def test_what_is_materialised_is_the_newest_row_of_each_key(kind: str, tmp_path: Path) -> None:
    store = Repository(tmp_path, kind).store(STAFF)
    store.materialize(BEGIN, BEGIN + 9 * SECOND)
    rows = [{"firm": firm, "site": "x"} for firm in ("a", "b", "c")]
    assert store.get_online_features(["staff:value"], entity_rows=rows).to_dict()["value"] == [3.0, 20.0, None]


def test_a_feature_may_carry_its_views_name(tmp_path: Path) -> None:
    assert known(Repository(tmp_path, "delta").store(STAFF), [Asked("a", "x", 2)], full_feature_names=True) == [1.0]


def test_rows_are_found_under_another_name_of_their_key(tmp_path: Path) -> None:
    store = Repository(tmp_path, "delta").store(STAFF)
    view = store.get_feature_view("staff").with_join_key_map({"firm": "employer"})
    service = FeatureService(name="of_employers", features=[view])
    store.apply([service])
    asked = entities([Asked("b", "x", 9)]).rename(columns={"firm": "employer"})
    assert list(store.get_historical_features(asked, service).to_df()["value"]) == [20.0]


@pytest.mark.parametrize("asked", ["SELECT 1", None])
def test_only_a_data_frame_is_a_question(asked: str | None, tmp_path: Path) -> None:
    store = Repository(tmp_path, "delta").store(STAFF)
    with pytest.raises(TypeError, match="data frame"):
        store.get_historical_features(asked, ["staff:value"])


def test_feasts_filter_by_created_timestamp_is_refused_because_rows_are_stamped_when_they_are_known(
    tmp_path: Path,
) -> None:
    store = Repository(tmp_path, "delta").store(STAFF)
    with pytest.raises(NotImplementedError, match="filter_by_created_timestamp"):
        known(store, [Asked("a", "x", 9)], filter_by_created_timestamp=True)
