"""What the online store does where Feast's interface ends: tell a loss, restore what was lost, wait a bounded time.

Invariant: whatever these write lies as Feast's own store class would have laid it; a contract suite holds both to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from feast import FeatureView
from feast.infra.online_stores.helpers import _mmh3, _redis_key
from feast.infra.online_stores.online_store import OnlineStore as FeastStore
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from google.protobuf.timestamp_pb2 import Timestamp
from redis import ConnectionError as Disconnected
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from features.errors import OnlineStoreForgets

StoredRow = tuple[EntityKey, dict[str, Value], datetime, datetime | None]  # as Feast's `online_write_batch` takes them
IsBehind = Callable[[bytes, bytes], bool]  # whether the value that is held, b"" for none, is older than the given one


class Backend(Protocol):
    """One kind of online store. Every call blocks for one or two round trips; raises one of `faults`."""

    faults: tuple[type[Exception], ...]

    def incarnation(self) -> str:
        """Changes whenever the store may have forgotten something that was written to it."""
        ...

    def mark(self) -> str | None:
        """What `set_mark` said last; None if that is lost, or nothing was said yet."""
        ...

    def set_mark(self, mark: str, if_still: str | None) -> bool:
        """Say something that is lost with the rows; `if_still`: only if that was said last. Whether it was said."""
        ...

    def restore(
        self, config: RepoConfig, view: FeatureView, column: str, rows: Sequence[StoredRow], is_behind: IsBehind
    ) -> int:
        """Write rows of `config`'s project that are newer than what is held, whoever writes meanwhile; how many."""
        ...


def backend_of(store: FeastStore, config: RepoConfig) -> Backend:
    """The backend beneath Feast's store."""
    return OnRedis(store, config) if isinstance(store, RedisOnlineStore) else OnSqlite(store, config)


_MARK = "SELECT mark FROM leadline_marks WHERE project = ?"
_SET_IF_STILL = "UPDATE leadline_marks SET mark = ? WHERE project = ? AND mark = ?"


class OnSqlite:
    """A file: what was committed stays, unless the whole file goes."""

    faults: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, store: Any, config: RepoConfig) -> None:
        self._store = store
        self._config = config

    def incarnation(self) -> str:
        return "file"

    def mark(self) -> str | None:
        try:
            found = self._connection().execute(_MARK, (self._config.project,)).fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return None
        return None if found is None else str(found[0])

    def set_mark(self, mark: str, if_still: str | None) -> bool:
        with self._connection() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS leadline_marks (project TEXT PRIMARY KEY, mark TEXT)")
            project = self._config.project
            if if_still is None:
                connection.execute("INSERT OR REPLACE INTO leadline_marks VALUES (?, ?)", (project, mark))
                return True
            changed = connection.execute(_SET_IF_STILL, (mark, project, if_still))
            return changed.rowcount == 1

    def restore(
        self, config: RepoConfig, view: FeatureView, column: str, rows: Sequence[StoredRow], is_behind: IsBehind
    ) -> int:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")  # nobody writes between our reading and our writing
            held = self._store.online_read(config, view, [key for key, *_ in rows], [column])
            behind = [
                row
                for row, (_, values) in zip(rows, held, strict=True)
                if is_behind(values[column].bytes_val if values else b"", row[1][column].bytes_val)
            ]
            self._store.online_write_batch(config, view, behind, None)  # within our transaction, and ends it
        return len(behind)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._store._get_conn(self._config)
        return connection


# The field that says how new a row is must be as it was when we looked: else its writer, whose rows are newer than any
# that is restored, has written meanwhile.
_IF_UNCHANGED = """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3], ARGV[4], ARGV[5])
return 1
"""
_IF_STILL = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('SET', KEYS[1], ARGV[2]) and 1 or 0"
_ONCE_MORE = Retry(NoBackoff(), 1, (Disconnected,))  # redis-py's own way waits for seconds between its tries
_EVICTING = "allkeys-"  # our keys have no time to live, so the policies `volatile-…` spare them


class OnRedis:
    """A server that may forget: at FLUSHALL everything, at a restart or failover what was not persisted."""

    faults: tuple[type[Exception], ...] = (RedisError,)

    def __init__(self, store: RedisOnlineStore, config: RepoConfig) -> None:
        self._config = config
        self._mark = f"{config.project}:mark"
        self._run = ""
        self._redis: Redis = store._get_client(config.online_store)
        self._redis.set_retry(_ONCE_MORE)
        self._redis.connection_pool.connection_kwargs["redis_connect_func"] = self._connected

    def incarnation(self) -> str:
        return self._run

    def mark(self) -> str | None:
        found: Any = self._redis.get(self._mark)
        return None if found is None else bytes(found).decode()

    def set_mark(self, mark: str, if_still: str | None) -> bool:
        if if_still is None:
            return bool(self._redis.set(self._mark, mark))
        return bool(self._redis.eval(_IF_STILL, 1, self._mark, if_still, mark))

    def restore(
        self, config: RepoConfig, view: FeatureView, column: str, rows: Sequence[StoredRow], is_behind: IsBehind
    ) -> int:
        known, value = f"_ts:{view.name}", _mmh3(f"{view.name}:{column}")
        keys = [_redis_key(config.project, key, config.entity_key_serialization_version) for key, *_ in rows]
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.hmget(key, [known, value])
            held = pipeline.execute()
            for key, (_, values, moment, _), (known_then, value_then) in zip(keys, rows, held, strict=True):
                if is_behind(Value.FromString(value_then or b"").bytes_val, values[column].bytes_val):
                    stamp = Timestamp()
                    stamp.FromDatetime(moment)
                    new = stamp.SerializeToString(), value, values[column].SerializeToString()
                    pipeline.eval(_IF_UNCHANGED, 1, key, known, known_then or b"", *new)
            return sum(pipeline.execute())

    def _connected(self, connection: Any) -> None:
        """With each new connection: ask which run of the server it is, and whether it keeps what it is given.

        Raises:
            OnlineStoreForgets: it does not.
        """
        connection.on_connect()
        told: dict[str, str] = {}
        for section in ("server", "memory"):
            connection.send_command("INFO", section)
            lines = connection.read_response(disable_decoding=True).decode().splitlines()
            told |= dict(line.split(":", 1) for line in lines if ":" in line)
        if told.get("maxmemory_policy", "").startswith(_EVICTING):
            connection.disconnect()
            raise OnlineStoreForgets(
                f"Redis at {connection.host}:{connection.port} has maxmemory-policy {told['maxmemory_policy']}: when "
                "it is full it drops leads, which then seem unknown. Set it to noeviction, then start again"
            )
        self._run = told["run_id"]
