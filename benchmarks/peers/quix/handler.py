"""Segment's calls to canonical events as one writes it with Quix Streams, in an environment of its own.

The same contract, hashes and seals as Leadline's worker: read, dedupe and look up in state, seal, send on. Messages are
keyed by the visitor's cookie, so that one key's state holds everything about a visitor and nothing is repartitioned.
"""

import base64
import hmac
import os
import sys
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from quixstreams import Application, State, message_context

IDENTITY_KEY = bytes.fromhex(os.environ["IDENTITY_KEY"])
MASTER_KEY = bytes.fromhex(os.environ["MASTER_KEY"])
TENANT = os.environ["TENANT"]
FREE_MAIL = frozenset({"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "yahoo.com", "gmx.de", "web.de"})
PRIVATE = {"email": "email", "firstName": "first_name", "lastName": "last_name"}
CHANNELS = {"web.page_viewed": "web", "product.feature_used": "product", "identity.link": "product"}


def digest(*parts: str) -> bytes:
    return hmac.digest(IDENTITY_KEY, "\x1f".join(parts).encode(), "sha256")[:16]


def base32(value: bytes) -> str:
    return base64.b32encode(value).decode().rstrip("=").lower()


@lru_cache(maxsize=65_536)
def identifier(kind: str, value: str, scope: str, verified: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind, "hash": digest("identifier", kind, scope, value).hex()}
    if verified:
        found["verified"] = True
    if scope:
        found["scope"] = scope
    return found


@lru_cache(maxsize=65_536)
def address(email: str) -> str:
    local, _, domain = email.strip().lower().rpartition("@")
    local = local.partition("+")[0]
    return f"{local.replace('.', '')}@gmail.com" if domain in ("gmail.com", "googlemail.com") else f"{local}@{domain}"


@lru_cache(maxsize=65_536)
def account_of(email: str) -> str | None:
    domain = email.rpartition("@")[2]
    return None if domain in FREE_MAIL else f"ac_{base32(digest('account', domain))}"


@lru_cache(maxsize=65_536)
def cipher(wrapped: bytes) -> tuple[bytes, AESGCM]:
    key = aes_key_unwrap(MASTER_KEY, wrapped)
    return key, AESGCM(key)


def seal(state: State, lead: str, private: dict[str, str], place: str) -> str:
    wrapped = state.get_bytes("key")
    if wrapped is None:
        wrapped = aes_key_wrap(MASTER_KEY, os.urandom(32))
        state.set_bytes("key", wrapped)
    key, sealing = cipher(wrapped)
    content = orjson.dumps(private, option=orjson.OPT_SORT_KEYS)
    nonce = hmac.digest(key, place.encode() + b"\0" + content, "sha256")[:12]
    return base64.b64encode(nonce + sealing.encrypt(nonce, content, lead.encode())).decode()


def lead_of(state: State, hashes: list[str]) -> str:
    known = [state.get(f"lead {hash_}") for hash_ in hashes]
    lead = next((each for each in known if each is not None), None) or f"ld_{base32(digest('lead', hashes[0], ''))}"
    for hash_, each in zip(hashes, known, strict=True):
        if each is None:
            state.set(f"lead {hash_}", lead)
    return lead


def act_of(call: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, str]]:
    """The event's type, its open properties, its private part."""
    kind = call["type"]
    if kind == "page":
        page = call["properties"]
        return "web.page_viewed", {"path": page["path"], "referrer": urlsplit(page["referrer"]).hostname}, {}
    if kind == "track":
        return "product.feature_used", {"name": call["properties"]["feature"]}, {}
    traits = call["traits"]
    return "identity.link", {"jobtitle": traits["title"]}, {PRIVATE[name]: traits[name] for name in PRIVATE}


def identifiers_of(call: dict[str, Any], email: str | None, scope: str) -> list[dict[str, Any]]:
    user = call.get("userId")
    found = [identifier("user_id", user, scope, True)] if user else []
    found.append(identifier("anonymous_id", call["anonymousId"], scope, False))
    if email:
        found.append(identifier("email", address(email), "", bool(user)))
    return found


def canonical(value: bytes, _key: Any, _timestamp: int, headers: Any, state: State) -> dict[str, Any] | None:
    sent = {name: content.decode() for name, content in headers}
    scope, at = sent["source-account"], message_context()
    call = orjson.loads(value)
    source, id_ = f"/t/{TENANT}/{sent['source-system']}/{scope}", call["messageId"]
    if state.exists(f"seen {source} {id_}"):
        return None
    state.set(f"seen {source} {id_}", True)
    type_, properties, private = act_of(call)
    traits = call["context"].get("traits")
    email = private.get("email") or (traits["email"] if traits else None)
    if email:
        private["email"] = email
    identifiers = identifiers_of(call, email, scope)
    lead, account = (
        lead_of(state, [each["hash"] for each in identifiers]),
        account_of(address(email)) if email else None,
    )
    received = datetime.fromisoformat(sent["received-time"]).astimezone(UTC)
    event = {
        "id": id_,
        "source": source,
        "type": type_,
        "time": min(datetime.fromisoformat(call["timestamp"]), received).isoformat(),
        "receivedtime": received.isoformat(),
        "tenant": TENANT,
        "lead": lead,
        "partitionkey": account or lead,
        "data": {"channel": CHANNELS[type_], "identifiers": identifiers, "properties": properties},
        "raw": {
            "topic": at.topic,
            "partition": at.partition,
            "offset": at.offset,
            "index": 0,
            "sha256": sha256(value).hexdigest(),
        },
        "specversion": "1.0",
        "dataschema": "leadline.interaction/1-0-0",
    }
    if account:
        event["account"] = account
    if private:
        event["private"] = seal(state, lead, private, f"{at.topic}/{at.partition}/{at.offset}/0")
        event["pii_fields"] = sorted(private)
    return event


def main(bootstrap: str, group: str, read: str, write: str, folder: str) -> None:
    app = Application(
        broker_address=bootstrap,
        consumer_group=group,
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        state_dir=folder,
        loglevel="WARNING",
        auto_create_topics=False,
        use_changelog_topics=False,  # the state is on this disk, as Leadline's SQLite file is
        commit_interval=5.0,  # the fastest of 2 s, 5 s and every 10,000 messages, by a few per cent
        producer_extra_config={"enable.idempotence": True, "acks": "all", "compression.type": "lz4", "linger.ms": 5},
    )
    calls = app.topic(read, value_deserializer="bytes", key_deserializer="bytes")
    events = app.topic(write, value_serializer="json", key_serializer="string")
    frame = app.dataframe(calls).apply(canonical, stateful=True, metadata=True)
    frame = frame.filter(lambda event: event is not None)
    frame.to_topic(events, key=lambda event: event["partitionkey"])
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
