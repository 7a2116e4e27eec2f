"""Exact rules with Splink on DuckDB, in an environment of its own: deterministic links, then connected components.

Reads records from one Parquet file, writes each record's cluster to another, and prints the seconds between having the
records in DuckDB and having their clusters there.
"""

import json
import sys
import time

import duckdb
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

COLUMNS = ("crm", "user", "email", "cookie")


def main(read: str, write: str) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE records AS SELECT * FROM read_parquet(?)", [read])
    wall, cpu = time.perf_counter(), time.process_time()
    api = DuckDBAPI(connection=connection)
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[block_on(f'"{column}"') for column in COLUMNS],
        retain_matching_columns=False,
        unique_id_column_name="record",
    )
    linker = Linker(api.register("records"), settings, log_level="WARNING", validate_settings=False)
    links = linker.inference.deterministic_link()
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(links)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    connection.table(clusters.physical_name).order("record").project("cluster_id AS cluster").write_parquet(write)
    pairs = len(connection.table(links.physical_name))
    print(json.dumps({"wall": wall, "cpu": cpu, "pairs": pairs}))  # noqa: T201 - to the benchmark


if __name__ == "__main__":
    main(*sys.argv[1:])
