"""The firm's own chat widget, a publisher that already speaks the canonical contract: one JSON object a message.

Headers: `source-system: canonical`, `source-account: chat`. Key: the conversation. Topic: raw.support. The body is a
`Draft` by field name, claims in the clear, and the version of the contract it was written for:

    {"dataschema": "leadline.interaction/1-0-0", "id": "chat-7f3a…", "source": "/t/demo/canonical/chat",
     "type": "chat.started" | "chat.message" | "chat.ended", "time": "2025-09-25T10:05:28.123Z", "channel": "chat",
     "claims": [{"type": "email", "value": "jo@acme.com", "verified": true, "scope": ""},
                {"type": "anonymous_id", "value": "0f6d…", "verified": false, "scope": "northlight"}],
     "object": {"type": "chat", "id": "c-91…"}, "properties": {"messages": 3}, "private": {"name": "Jo Doe"},
     "text": "free text" (chat.message only), "lang": "de", "actor": "user", "test": false}
"""

from __future__ import annotations

from typing import Any

from leadline.company import firm
from leadline.company.dice import Ids
from leadline.company.wire import Element, iso_ms
from leadline.company.world import Person


def chat_event(
    ids: Ids, person: Person, at: float, kind: str, conversation: str, *, cookie: str, text: str = ""
) -> Element:
    """`kind` is started, message or ended."""
    body: dict[str, Any] = {
        "dataschema": "leadline.interaction/1-0-0",
        "id": f"chat-{ids.token()}",
        "source": f"/t/demo/canonical/{firm.CHAT_PUBLISHER}",
        "type": f"chat.{kind}",
        "time": iso_ms(at),
        "channel": "chat",
        "claims": [
            {"type": "email", "value": person.email, "verified": True, "scope": ""},
            {"type": "anonymous_id", "value": cookie, "verified": False, "scope": firm.WORKSPACE},
        ],
        "object": {"type": "chat", "id": conversation},
        "properties": {},
        "private": {"name": person.name},
        "actor": "user",
        "test": False,
    }
    if text:
        body |= {"text": text, "lang": person.language}
    identifiers = (("email", "", person.email), ("anonymous_id", firm.WORKSPACE, cookie))
    return Element("canonical", conversation, body, at, person.number, identifiers, person.flag)
