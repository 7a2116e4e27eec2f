"""The calls of Segment's spec, as far as they are read. What clients fill freely is `Any` and judged where it is used.

Unknown fields are ignored; the visitor's IP address is never read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ingestion.sources.fields import Moment


class Page(msgspec.Struct, gc=False):
    """`context.page` and the properties of a page call, as far as they are read."""

    path: Any = None
    url: Any = None
    referrer: Any = None
    search: Any = None


class Utm(msgspec.Struct, gc=False):
    """`context.campaign`."""

    source: Any = None
    medium: Any = None
    name: Any = None
    term: Any = None
    content: Any = None


class ContextTraits(msgspec.Struct, gc=False):
    """`context.traits`: what is known of the user on any call."""

    email: Any = None


class Context(msgspec.Struct, rename="camel", gc=False):
    """`context`."""

    user_agent: str | None = None
    page: Page | None = None
    campaign: Utm | None = None
    traits: ContextTraits | None = None
    group_id: str | int | None = None


class Call(msgspec.Struct, rename="camel", tag_field="type", gc=False):
    """The common fields."""

    message_id: str | None = None
    timestamp: Moment | None = None
    received_at: Moment | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    context: Context | None = None


class PageCall(Call, tag="page", gc=False):
    """A page was viewed."""

    properties: Page | None = None


class ScreenCall(Call, tag="screen", gc=False):
    """A screen of the mobile product was viewed."""

    name: Any = None


class TrackCall(Call, tag="track", kw_only=True, gc=False):
    """Something was done."""

    event: str
    properties: dict[str, Any] | None = None


class IdentifyCall(Call, tag="identify", gc=False):
    """Who somebody is."""

    traits: dict[str, Any] | None = None


class GroupCall(Call, rename="camel", tag="group", kw_only=True, gc=False):
    """Which company somebody belongs to."""

    group_id: str | int
    traits: dict[str, Any] | None = None


class AliasCall(Call, rename="camel", tag="alias", kw_only=True, gc=False):
    """Two ids of the same person."""

    previous_id: str | int


class Batch(msgspec.Struct):
    """The body of `POST /v1/batch`."""

    batch: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


AnyCall = PageCall | ScreenCall | TrackCall | IdentifyCall | GroupCall | AliasCall
