"""SendGrid's event webhook: a JSON array of e-mail events.

Headers: `source-system: sendgrid`, `source-account: northlight-marketing`. Key: the first event's address.

    {"email": "jo@acme.com", "event": "processed", "timestamp": 1600112492, "sg_event_id": "ZHJv…",
     "sg_message_id": "LRzX….filter0001.7", "smtp-id": "<…@geopod-ismtpd>", "category": ["newsletter"],
     "singlesend_name": "Product news 14"}
    {…, "event": "delivered", "response": "250 OK"}
    {…, "event": "open", "useragent": "Mozilla/5.0 …", "ip": "203.0.113.7", "sg_machine_open": false}
    {…, "event": "click", "useragent": "…", "ip": "…", "url": "https://www.northlight-data.com/pricing"}
    {…, "event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 mailbox unavailable"}
    {…, "event": "unsubscribe"}

`timestamp` is whole seconds. The address comes as the list has it: mixed case, `+tag`, sometimes a role mailbox.
"""

from __future__ import annotations

from typing import Any

from leadline.company.dice import Ids
from leadline.company.wire import Element
from leadline.company.world import Person


def mail_event(
    ids: Ids, person: Person, at: float, event: str, message: str, campaign: str, *, address: str, url: str = ""
) -> Element:
    """One step in an e-mail's life; `message` is shared by the steps of one e-mail."""
    body: dict[str, Any] = {
        "email": address,
        "event": event,
        "timestamp": int(at),
        "sg_event_id": ids.token(),
        "sg_message_id": f"{message}.filter0001.7",
        "smtp-id": f"<{message}@geopod-ismtpd>",
        "category": ["newsletter"],
        "singlesend_name": campaign,
    }
    if event == "delivered":
        body["response"] = "250 OK"
    elif event in ("open", "click"):
        body |= {"useragent": person.agent, "ip": person.ip}
        body |= {"url": url} if event == "click" else {"sg_machine_open": False}
    elif event == "bounce":
        body |= {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 mailbox unavailable"}
    return Element("sendgrid", address, body, at, person.number, (("email", "", address),), person.flag)
