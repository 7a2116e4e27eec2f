"""Feast's own events of lineage: its registry's entities, views and services, told when they are applied."""

from __future__ import annotations

from collections.abc import Sequence

from features.lineage.places import PRODUCER, is_asked_for, namespace, transport
from features.settings import feature_set
from ingestion.settings import PlatformSettings


def tell_of_registry(settings: PlatformSettings, declared: Sequence[object]) -> None:
    """Have Feast's emitter tell of what was applied, where ours tells; of nothing if no place is named.

    Feast 0.67 would do so by itself, but reads neither a file nor a topic from its settings, and wants gRPC.
    """
    if not is_asked_for(settings):
        return
    from feast.openlineage import FeastOpenLineageEmitter, OpenLineageConfig

    config = OpenLineageConfig(
        transport_type="composite",
        namespace=namespace(settings),
        producer=PRODUCER,
        additional_config=transport(settings),
    )
    FeastOpenLineageEmitter(config).emit_apply(list(declared), feature_set(settings).service)
