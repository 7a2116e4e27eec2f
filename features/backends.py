"""What the online store does where Feast's interface ends: tell a loss, keep what is newer, wait a bounded time.

Invariant: whatever these write lies as Feast's own store class would have laid it; a contract suite holds both to it.
A row never takes the place of one that was known later, whoever writes and however late: a worker that was taken for
dead may wake up with old rows in its hands.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from feast import FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import _mmh3
from feast.infra.online_stores.online_store import OnlineStore as FeastStore
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.infra.online_stores.sqlite import _quote_id, _table_id
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from feast.utils import to_naive_utc
from google.protobuf.timestamp_pb2 import Timestamp
from redis import ConnectionError as Disconnected
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from features.errors import OnlineStoreForgets
from features.rows import EncodedRow, is_newer

_LENGTH = 4  # bytes, of a string's length in a serialised key


class Table(NamedTuple):
    """One blob a key: where Feast keeps it."""

    config: RepoConfig
    view: FeatureView
    entity: str
    column: str

    def keys(self, rows: Iterable[EncodedRow]) -> Iterator[bytes]:
        """The rows' keys as Feast serialises them: what is the same for all of an entity, and a string."""
        nobody = EntityKey(join_keys=[self.entity], entity_values=[Value(string_val="")])
        head = serialize_entity_key(nobody, self.config.entity_key_serialization_version)[:-_LENGTH]
        for row in rows:
            key = row.key.encode()
            yield head + len(key).to_bytes(_LENGTH, "little") + key


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

    def write(self, table: Table, rows: Sequence[EncodedRow]) -> int:
        """Write rows, each unless one is held that was known as late; how many were written."""
        ...


def backend_of(store: FeastStore, config: RepoConfig) -> Backend:
    """The backend beneath Feast's store."""
    return OnRedis(store, config) if isinstance(store, RedisOnlineStore) else OnSqlite(store, config)


_MARK = "SELECT mark FROM leadline_marks WHERE project = ?"
# Feast keeps a row's moment in whole seconds here, too coarse to tell which is newer.
_WRITE_IF_NEWER = """
INSERT INTO {} (entity_key, feature_name, value, event_ts, created_ts) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (entity_key, feature_name) DO UPDATE
SET value = excluded.value, event_ts = excluded.event_ts, created_ts = excluded.created_ts
WHERE is_newer(excluded.value, value)"""
_SET_IF_STILL = "UPDATE leadline_marks SET mark = ? WHERE project = ? AND mark = ?"


def _blob(row: EncodedRow) -> bytes:
    """What Feast stores in the row's column."""
    blob: bytes = Value(bytes_val=row.encoded).SerializeToString()
    return blob


def _is_newer(value: bytes, held: bytes) -> bool:
    return is_newer(Value.FromString(value).bytes_val, Value.FromString(held).bytes_val)


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

    def write(self, table: Table, rows: Sequence[EncodedRow]) -> int:
        config, written_at = table.config, to_naive_utc(datetime.now(UTC))
        name = _table_id(config.project, table.view, config.registry.enable_online_feature_view_versioning)
        stored = [
            (key, table.column, _blob(row), to_naive_utc(row.known_at), written_at)
            for key, row in zip(table.keys(rows), rows, strict=True)
        ]
        with self._connection() as connection:
            connection.create_function("is_newer", 2, _is_newer, deterministic=True)
            before = connection.total_changes
            connection.executemany(_WRITE_IF_NEWER.format(_quote_id(name)), stored)
            return connection.total_changes - before

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._store._get_conn(self._config)
        return connection


# The key's hash has a field that says how new a row is: a protobuf Timestamp, seconds and nanoseconds as varints.
_WRITE_IF_NEWER_LUA = """
local function moment(stamp)
  local fields, at = {0, 0}, 1
  while at <= #stamp do
    local field, value, place, byte = math.floor(stamp:byte(at) / 8), 0, 1
    repeat
      at = at + 1
      byte = stamp:byte(at)
      value, place = value + byte % 128 * place, place * 128
    until byte < 128
    fields[field], at = value, at + 1
  end
  return fields
end
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held then
  local old, new = moment(held), moment(ARGV[2])
  if new[1] < old[1] or new[1] == old[1] and new[2] <= old[2] then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
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
        self._write_if_newer = self._redis.register_script(_WRITE_IF_NEWER_LUA)
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

    def write(self, table: Table, rows: Sequence[EncodedRow]) -> int:
        known, value = f"_ts:{table.view.name}", _mmh3(f"{table.view.name}:{table.column}")
        project = table.config.project.encode()  # what ends each key
        with self._redis.pipeline(transaction=False) as pipeline:
            for key, row in zip(table.keys(rows), rows, strict=True):
                stamp = Timestamp()
                stamp.FromDatetime(row.known_at)
                fields = known, stamp.SerializeToString(), value, _blob(row)
                self._write_if_newer(keys=[key + project], args=fields, client=pipeline)
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
