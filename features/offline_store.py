"""Feast's offline store over the lake: what was known about each entity at each moment, joined by DuckDB.

Feast's configuration names the class. Sources are Parquet files and Delta tables, for which Feast's own stores need an
extension that is downloaded. The tag `rows` of a source, an SQL condition, says which rows of its table it has.

Invariant: one row comes back for each that was asked about, in their order: the newest of its key that was known then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable
from feast import FeatureView, FileSource, OnDemandFeatureView, RepoConfig
from feast.data_format import DeltaFormat
from feast.data_source import DataSource
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import FeastConfigBaseModel

MICROSECOND = timedelta(microseconds=1)
ROWS = "rows"  # the tag
ROW = "number of the row"  # which no source's column is called


class LakeOfflineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]  # Feast has no types
    """Nothing to configure but the class itself."""

    type: str = "features.offline_store.LakeOfflineStore"


class LakeRetrievalJob(RetrievalJob):  # type: ignore[misc]
    """Rows that were found, with Feast's on-demand views still to be run over them."""

    def __init__(
        self, table: pa.Table, metadata: RetrievalMetadata | None, views: list[OnDemandFeatureView], *, full_names: bool
    ) -> None:
        self._table = table
        self._metadata = metadata
        self._views = views
        self._full_names = full_names

    @property
    def full_feature_names(self) -> bool:
        """Whether features carry their view's name."""
        return self._full_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The views that are yet to be computed."""
        return self._views

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What was asked for."""
        return self._metadata

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002 - Feast's signature
        return self._table

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:  # noqa: ARG002 - Feast's signature
        found: pd.DataFrame = self._table.to_pandas()
        return found


class LakeOfflineStore(OfflineStore):  # type: ignore[misc]
    """Point-in-time joins over Parquet and Delta.

    A source's event timestamp is the time of knowledge: a row that was not known yet is never seen. So Feast's
    `filter_by_created_timestamp` is not supported, and Feast says so.
    """

    @staticmethod
    def get_historical_features(
        config: RepoConfig,  # noqa: ARG004 - Feast's signature
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        **kwargs: Any,
    ) -> RetrievalJob:
        """`entity_df` with a column for each feature, null where nothing was known or it had outlived its view's TTL.

        Raises:
            TypeError: `entity_df` is not a data frame.
        """
        if not isinstance(entity_df, pd.DataFrame) or kwargs:
            raise TypeError("ask with a data frame of entities and moments; this store takes no SQL and no time range")
        moments = infer_event_timestamp_from_entity_df(dict(entity_df.dtypes.items()))
        at = pd.to_datetime(entity_df[moments], utc=True)
        table = pa.Table.from_pandas(entity_df, preserve_index=False)
        for view in feature_views:
            prefix = f"{view.projection.name_to_use()}:"
            names = [ref.removeprefix(prefix) for ref in feature_refs if ref.startswith(prefix)]
            found = _known(view, names, entity_df, at)
            for name in names:
                shown = f"{view.projection.name_to_use()}__{name}" if full_feature_names else name
                table = table.append_column(shown, found[name])
        keys = [name for name in entity_df.columns if name != moments]
        metadata = RetrievalMetadata(feature_refs, keys, at.min().to_pydatetime(), at.max().to_pydatetime())
        views = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        return LakeRetrievalJob(table, metadata, views, full_names=full_feature_names)

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,  # noqa: ARG004 - Feast's signature
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """The newest row of each key in a stretch of time: what Feast materialises."""
        stamps = [timestamp_field, *filter(None, [created_timestamp_column])]
        order = ", ".join(f"{_quoted(name)} DESC" for name in stamps)
        newest = f"QUALIFY row_number() OVER (PARTITION BY {_list(join_key_columns)} ORDER BY {order}) = 1"
        columns = [*join_key_columns, *feature_name_columns]
        return _pulled(data_source, columns, stamps, start_date, end_date, newest)

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,  # noqa: ARG004 - Feast's signature
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Every row in a stretch of time."""
        stamps = [timestamp_field, *filter(None, [created_timestamp_column])]
        return _pulled(data_source, [*join_key_columns, *feature_name_columns], stamps, start_date, end_date)


def _known(view: FeatureView, names: Sequence[str], asked: pd.DataFrame, at: pd.Series[pd.Timestamp]) -> pa.Table:
    """The features' values for each row of `asked`, in order."""
    source = view.batch_source
    keys = [column.name for column in view.entity_columns]
    asked_as = [view.projection.join_key_map.get(key, key) for key in keys]
    entities = pa.table(
        {
            **{key: pa.array(asked[name], from_pandas=True) for key, name in zip(keys, asked_as, strict=True)},
            "moment": pa.array(at.astype("datetime64[us, UTC]").astype("int64")),
            "place": pa.array(np.arange(len(asked))),
        }
    )
    alive = f"moment - newest.known <= {view.ttl // MICROSECOND}" if view.ttl else "TRUE"
    values = ", ".join(f"if({alive}, source.{_quoted(name)}, NULL) AS {_quoted(name)}" for name in names)
    stamp, created = source.timestamp_field, source.created_timestamp_column
    same = f"PARTITION BY {_list([*keys, stamp])}"
    one_a_moment = f"QUALIFY row_number() OVER ({same} ORDER BY {_quoted(created)} DESC) = 1" if created else ""
    # Which row is found out from keys and moments alone: what is sorted does not carry the values along.
    with _database(source) as database:
        database.register("asked", entities)
        found: pa.Table = database.sql(
            f"""
            WITH known AS NOT MATERIALIZED (
                SELECT {_list([*keys, ROW])}, epoch_us({_quoted(stamp)}) AS known FROM source
                WHERE {" AND ".join(f"{_quoted(key)} IN (SELECT {_quoted(key)} FROM asked)" for key in keys)}
                {one_a_moment}
            ),
            newest AS NOT MATERIALIZED (
                SELECT place, moment, known, {_quoted(ROW)} FROM asked ASOF LEFT JOIN known
                ON {" AND ".join(f"asked.{_quoted(key)} = known.{_quoted(key)}" for key in keys)} AND moment >= known
            )
            SELECT {values} FROM newest LEFT JOIN source USING ({_quoted(ROW)}) ORDER BY place
            """  # noqa: S608 - names of the firm's own declarations, quoted
        ).to_arrow_table()
    return found


def _pulled(
    source: DataSource,
    columns: Sequence[str],
    stamps: Sequence[str],
    start: datetime | None,
    end: datetime | None,
    having: str = "",
) -> RetrievalJob:
    """Rows whose first of `stamps` lies between `start` and `end`."""
    moment = _quoted(stamps[0])
    within = f"{moment} BETWEEN coalesce($1, {moment}) AND coalesce($2, {moment})"
    with _database(source) as database:
        query = f"SELECT {_list([*columns, *stamps])} FROM source WHERE {within} {having}"  # noqa: S608 - as above
        return LakeRetrievalJob(database.sql(query, params=[start, end]).to_arrow_table(), None, [], full_names=False)


def _database(source: DataSource) -> Any:
    """DuckDB with the source's rows as the view `source`: columns under own and mapped names, and each row's number."""
    if not isinstance(source, FileSource):
        raise TypeError(f"{source.name} is a {type(source).__name__}; this store reads Parquet files and Delta tables")
    is_delta = isinstance(source.file_format, DeltaFormat)
    table = DeltaTable(source.path).to_pyarrow_dataset() if is_delta else ds.dataset(source.path)
    # Extensions would be downloaded.
    config = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    database = duckdb.connect(":memory:", config=config)
    files = [f"{source.path}/{file}" if is_delta else file for file in table.files if "://" not in source.path]
    read = database.read_parquet(files, union_by_name=True, hive_partitioning=False) if files else None
    if read is not None and set(table.schema.names) <= set(read.columns):  # a partition's column is not in its files
        numbered = read.project(f"*, (file_index << 40) + file_row_number AS {_quoted(ROW)}")
    else:
        database.register("rows", table)
        numbered = database.sql(f"SELECT *, row_number() OVER () AS {_quoted(ROW)} FROM rows")  # noqa: S608
    numbered.create_view("stored")
    named = {name: name for name in table.schema.names}
    named |= {shown: name for name, shown in source.field_mapping.items()} | {ROW: ROW}
    renamed = ", ".join(f"{_quoted(name)} AS {_quoted(shown)}" for shown, name in named.items())
    database.execute(f"CREATE VIEW source AS SELECT {renamed} FROM stored WHERE {source.tags.get(ROWS, 'TRUE')}")  # noqa: S608
    return database


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
