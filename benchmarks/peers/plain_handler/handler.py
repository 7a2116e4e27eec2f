"""The usual webhook handler: FastAPI, pydantic and aiokafka on uvicorn, in an environment of its own.

The same proof of the sender, the same durability (all in-sync replicas, idempotent) and the same bytes as the receiver.
"""

import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict

SECRET = os.environ["SECRET"].encode()


class Lead(BaseModel):
    model_config = ConfigDict(extra="allow")
    leadgen_id: str
    page_id: str | None = None
    form_id: str | None = None
    created_time: int | None = None


class Change(BaseModel):
    field: str
    value: Lead | None = None


class Entry(BaseModel):
    id: str
    time: int
    changes: list[Change]


class Webhook(BaseModel):
    object: str
    entry: list[Entry]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["KAFKA"], acks="all", enable_idempotence=True, linger_ms=1
    )
    await app.state.producer.start()
    yield
    await app.state.producer.stop()


app = FastAPI(lifespan=lifespan)


@app.post("/in/meta")
async def meta(request: Request) -> dict[str, Any]:
    body = await request.body()
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("x-hub-signature-256", "")):
        raise HTTPException(401)
    webhook = Webhook.model_validate_json(body)
    lead = webhook.entry[0].changes[0].value
    key = lead.leadgen_id.encode() if lead else None
    headers = [("source-system", b"meta-lead-ads"), ("content-type", b"application/json")]
    await request.app.state.producer.send_and_wait("raw.marketing", body, key=key, headers=headers)
    return {}
