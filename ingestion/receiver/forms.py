"""A website's plain `<form>`: what a browser says around its fields, and where it takes the visitor afterwards."""

from __future__ import annotations

from ingestion.contracts.raw import REFERER, USER_AGENT
from ingestion.receiver.connections import Connection
from ingestion.receiver.request import Answer, Request

_MEDIA = ("application/x-www-form-urlencoded", "multipart/form-data")
_MAX_HEADER = 2000  # characters


def is_plain_form(connection: Connection, request: Request) -> bool:
    """Whether this is the form itself, rather than a script's JSON about it."""
    return connection.kind == "web-form" and request.header(b"content-type").lower().startswith(_MEDIA)


def around_form(request: Request) -> dict[str, str]:
    """Kafka headers for what a script would have written into its JSON: the page, and the visitor's program."""
    said = {REFERER: request.header(b"referer"), USER_AGENT: request.header(b"user-agent")}
    return {name: value[:_MAX_HEADER] for name, value in said.items() if value}


def thanks(connection: Connection, request: Request) -> Answer | None:
    """The way to the connection's page of thanks, if it has one and the browser is going somewhere.

    A script that posts the form by `fetch` stays where it is; it could not follow, and would take that for a failure.
    """
    if connection.redirect is None or request.header(b"sec-fetch-mode") not in ("", "navigate"):
        return None
    return Answer(303, headers=((b"location", connection.redirect.encode()),))
