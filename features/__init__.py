"""Canonical events to features: exact, the same online and offline."""

# Feast switches Prometheus to files shared by processes when it is imported, unless the client library was there first:
# then each registry would show the sum of all of them.
import prometheus_client  # noqa: F401
