"""The platform's settings: one frozen object a process, read from the environment and passed down.

Secrets have no default. A missing one stops start-up and is named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion.errors import SettingsError
from ingestion.sources.adapter import Tenant

KEY_BYTES = 32
ENV_PREFIX = "LEADLINE_"  # else fields would be read by their bare names as well, `home` from HOME

Settings = TypeVar("Settings", bound="ReceiverSettings")


class ReceiverSettings(BaseSettings):
    """What the webhook receiver needs. It faces the internet, so it holds no key and no password of the platform."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, env_prefix=ENV_PREFIX)

    kafka_bootstrap_servers: str = Field(
        "localhost:9092", alias="KAFKA_BOOTSTRAP_SERVERS", description="Kafka cluster, host:port[,host:port]."
    )
    connections: Path = Field(
        Path("connections.toml"), alias="LEADLINE_CONNECTIONS", description="File of who may send to the receiver."
    )
    receiver_url: str = Field(
        "",
        alias="LEADLINE_RECEIVER_URL",
        pattern=r"^(https?://[^/\s]+/?)?$",
        description="Scheme and host by which senders know the receiver, if a proxy stands before it.",
    )
    trusted_proxies: str = Field(
        "",
        alias="LEADLINE_TRUSTED_PROXIES",
        description="Addresses and networks, comma-separated, whose X-Forwarded-For is believed.",
    )
    metrics_port: int | None = Field(
        None,
        alias="LEADLINE_METRICS_PORT",
        ge=1,
        le=65535,
        description="Of a worker's /metrics and /healthz.",
    )
    traces_endpoint: str = Field(
        "",
        alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        pattern=r"^(https?://[^\s@]+)?$",
        description="OpenTelemetry collector that gets this process's traces, by OTLP over HTTP; nobody if empty.",
    )

    @model_validator(mode="before")
    @classmethod
    def _ignore_empty(cls, values: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in values.items() if value != ""}


class _EmbeddedSettings(ReceiverSettings):
    """Stores that no setting names are below one folder."""

    home: Path = Field(Path(".local"), alias="LEADLINE_HOME", description="Folder of everything embedded.")

    @model_validator(mode="after")
    def _place_embedded_stores(self) -> Self:
        for name, default in self._embedded().items():
            if getattr(self, name) in ("", Path()):
                object.__setattr__(self, name, default)
        return self

    def _embedded(self) -> dict[str, str | Path]:
        """Where the stores are that no setting names."""
        return {}


class HydrationSettings(_EmbeddedSettings):
    """What hydration needs: what is to be fetched waits in the database. It talks to the internet and holds no key."""

    database_url: str = Field("", alias="LEADLINE_DATABASE_URL", description="SQLAlchemy URL; else SQLite.")
    instance: str | None = Field(
        None,
        alias="LEADLINE_INSTANCE",
        pattern=r"^[A-Za-z0-9._-]{1,60}$",
        description="This worker's lasting name: a restarted one takes its partitions back at once.",
    )

    identity_lists: Path | None = Field(
        None,
        alias="LEADLINE_IDENTITY_LISTS",
        description="Folder of additions to the lists of role mailboxes, throw-away and free-mail domains.",
    )
    firmographics: str = Field(
        "",
        alias="LEADLINE_FIRMOGRAPHICS",
        description="Who knows companies by domain: a CSV, JSON or Parquet file, or an address with {domain} in it.",
    )
    firmographics_token: SecretStr = Field(
        SecretStr(""), alias="LEADLINE_FIRMOGRAPHICS_TOKEN", description="Bearer token for that address."
    )
    firmographics_daily: int = Field(
        1000, alias="LEADLINE_FIRMOGRAPHICS_DAILY", ge=1, description="Questions to that address in a day."
    )
    firmographics_per_second: float = Field(
        1.0, alias="LEADLINE_FIRMOGRAPHICS_PER_SECOND", gt=0, description="Questions to that address in a second."
    )
    firmographics_max_age_days: float = Field(
        90.0, alias="LEADLINE_FIRMOGRAPHICS_MAX_AGE_DAYS", gt=0, description="A company is asked for again after that."
    )

    def _embedded(self) -> dict[str, str | Path]:
        return super()._embedded() | {"database_url": f"sqlite:///{self.home}/leadline.db"}

    def membership(self, group: str) -> dict[str, str]:
        """The consumer's part in `group`: a static member (KIP-345) if this worker has a lasting name."""
        return {"group.instance.id": f"{group}-{self.instance}"} if self.instance else {}


class RegistrySettings(_EmbeddedSettings):
    """What Feast's UI needs: where the registry is, what of it to show and to whom. It opens no store, holds no key."""

    lake: Path = Field(Path(), alias="LEADLINE_LAKE", description="Folder of the Delta tables; under home if empty.")
    feast_registry: str = Field(
        "",
        alias="LEADLINE_FEAST_REGISTRY",
        pattern=r"^(postgresql\+psycopg://\S+)?$",
        description="SQLAlchemy URL of Feast's registry in Postgres; a file beside the lake if empty.",
    )
    oidc_discovery_url: str = Field(
        "",
        alias="LEADLINE_OIDC_DISCOVERY_URL",
        pattern=r"^(https?://[^\s@]+)?$",
        description="OpenID Connect discovery document of who lets people see Feast's UI; everybody may if empty.",
    )
    oidc_client: str = Field(
        "leadline", alias="LEADLINE_OIDC_CLIENT", description="The client that tokens are for and have roles of."
    )

    feature_set: str = Field(
        "features.definitions:LEAD_SCORING",
        alias="LEADLINE_FEATURE_SET",
        pattern=r"^[A-Za-z_][\w.]*:\w+$",
        description="The declared features to fold and serve, `module:name`.",
    )
    feature_sets_beside: str = Field(
        "",
        alias="LEADLINE_FEATURE_SETS_BESIDE",
        pattern=r"^([A-Za-z_][\w.]*:\w+(,[A-Za-z_][\w.]*:\w+)*)?$",
        description="Other versions that a model may pin, comma-separated; each has workers of its own.",
    )

    def _embedded(self) -> dict[str, str | Path]:
        return super()._embedded() | {"lake": self.home / "lake"}


class PlatformSettings(HydrationSettings, RegistrySettings):
    """Where the platform's brokers and stores are, and its keys."""

    tenant: str = Field("demo", alias="LEADLINE_TENANT", pattern=r"^[a-z0-9-]{1,40}$", description="In event sources.")
    staff_domains: str = Field(
        "", alias="LEADLINE_STAFF_DOMAINS", description="E-mail domains of your own people, comma-separated."
    )
    own_apps: str = Field(
        "", alias="LEADLINE_OWN_APPS", description="Ids of your own apps at vendors, whose writes come back."
    )
    product_scope: str = Field(
        "", alias="LEADLINE_PRODUCT_SCOPE", description="Segment workspace whose user ids the support desk repeats."
    )
    online_store: str = Field(
        "sqlite", alias="LEADLINE_ONLINE_STORE", description="`sqlite`, or Redis as `host:port,db=0[,password=…]`."
    )
    offline_engine: str = Field(
        "duckdb",
        alias="LEADLINE_OFFLINE_ENGINE",
        pattern=r"^(duckdb|local(\[.+\])?|yarn|(spark|k8s)://\S+)$",
        description="Computes features from the lake: `duckdb`, or Spark by its master, as `local[2]`, `spark://…`.",
    )
    ideal_customer: Path | None = Field(
        None,
        alias="LEADLINE_IDEAL_CUSTOMER",
        description="Whom the firm sells to, a TOML file as features/ideal_customer.toml, which counts otherwise.",
    )
    source_freshness: str = Field(
        "",
        alias="LEADLINE_SOURCE_FRESHNESS",
        pattern=r"^([a-z0-9-]+=\d+(\.\d+)?(,|$))*$",
        description="Days after which a source's silence about a lead is told, `system=days,…`; 0: never.",
    )
    lineage_file: Path | None = Field(
        None, alias="LEADLINE_LINEAGE_FILE", description="File that gets OpenLineage events, one a line; none if empty."
    )
    lineage_topic: str = Field(
        "",
        alias="LEADLINE_LINEAGE_TOPIC",
        pattern=r"^[A-Za-z0-9._-]{0,200}$",
        description="Topic that gets OpenLineage events; none if empty.",
    )
    parity_share: float = Field(
        0.01, alias="LEADLINE_PARITY_SHARE", gt=0, le=1, description="Share of leads that the parity monitor watches."
    )
    parity_seconds: float = Field(
        60.0,
        alias="LEADLINE_PARITY_SECONDS",
        ge=10,
        description="How often it looks; the time a row may be on its way.",
    )
    drift_seconds: float = Field(
        3600.0,
        alias="LEADLINE_DRIFT_SECONDS",
        ge=60,
        description="How often the monitor takes a snapshot and holds each feature to its reference.",
    )
    mlflow_tracking_uri: str = Field("", alias="MLFLOW_TRACKING_URI", description="MLflow; else SQLite.")
    identity_key: SecretStr = Field(alias="LEADLINE_IDENTITY_KEY", description="Keys the hashes, 64 hex digits.")
    master_key: SecretStr = Field(alias="LEADLINE_MASTER_KEY", description="Wraps data keys, 64 hex digits.")
    schema_registry_url: str = Field(
        "",
        alias="LEADLINE_SCHEMA_REGISTRY_URL",
        pattern=r"^(https?://[^\s@]+)?$",
        description="Schema registry of publishers who frame what they send; none if empty.",
    )
    schema_registry_key: SecretStr = Field(
        SecretStr(""), alias="LEADLINE_SCHEMA_REGISTRY_KEY", description="`user:password` of it, if it asks for one."
    )
    schema_subjects: str = Field(
        "", alias="LEADLINE_SCHEMA_SUBJECTS", description="Subjects, comma-separated, whose schemas are allowed."
    )

    @field_validator("identity_key", "master_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        try:
            key = bytes.fromhex(value.get_secret_value())
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError(f"must be {KEY_BYTES * 2} hex digits; make one with `openssl rand -hex {KEY_BYTES}`")
        return value

    def _embedded(self) -> dict[str, str | Path]:
        mlflow = f"sqlite:///{self.home}/mlflow.db"
        return super()._embedded() | {"mlflow_tracking_uri": mlflow}

    def as_tenant(self) -> Tenant:
        """What source adapters know of the firm whose events these are."""
        domains, apps = (frozenset(filter(None, value.split(","))) for value in (self.staff_domains, self.own_apps))
        return Tenant(self.tenant, domains, apps, self.product_scope or None)

    @property
    def identity_key_bytes(self) -> bytes:
        """The identifier hash key."""
        return bytes.fromhex(self.identity_key.get_secret_value())

    @property
    def master_key_bytes(self) -> bytes:
        """The key that wraps the data keys."""
        return bytes.fromhex(self.master_key.get_secret_value())


def load() -> PlatformSettings:
    """The settings of this process.

    Raises:
        SettingsError: a variable is missing or wrong; the message names each, never its value.
    """
    return _from_environment(PlatformSettings)


def load_receiver() -> ReceiverSettings:
    """The settings of the receiver. Raises what `load` raises."""
    return _from_environment(ReceiverSettings)


def load_hydration() -> HydrationSettings:
    """The settings of hydration. Raises what `load` raises."""
    return _from_environment(HydrationSettings)


def load_registry() -> RegistrySettings:
    """The settings of Feast's UI. Raises what `load` raises."""
    return _from_environment(RegistrySettings)


def _from_environment(kind: type[Settings]) -> Settings:
    try:
        return kind()  # type: ignore[call-arg]  # from the environment
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"settings are incomplete: {faults}. See .env.example for each variable.") from None
