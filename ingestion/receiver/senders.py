"""Every sender that the receiver knows: how it proves itself, its handshake, and what it must be answered.

References for each scheme are the vendors' own pages, named where the scheme is not theirs alone to read off.
A new sender is one entry here, beside its adapter in `ingestion/sources/`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qs

from ingestion.receiver.request import Answer, Refused, Request
from ingestion.receiver.shared_keys import Anyone, BodyKey, HeaderKey, Organization, UrlKey, WriteKey
from ingestion.receiver.signatures import Hmac, HubSpot, Scheme, SendGrid, from_hex, from_standard_webhooks

Handshake = Callable[[Request, bytes | None], Answer]  # the request and the connection's verify token

TAKEN = Answer(200)
SOAP_ACK = Answer(
    200,
    b'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    b'<soapenv:Body><notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>",
    b"text/xml",
)


@dataclass(frozen=True, slots=True)
class Sender:
    """How one kind of sender calls."""

    system: str  # the adapter that reads its bodies
    scheme: Scheme
    answer: Answer = TAKEN  # to what was taken
    handshakes: Mapping[str, Handshake] = field(default_factory=dict)  # by method, before or between deliveries
    redact: Callable[[bytes], bytes] = bytes  # takes credentials out of a body before it is stored
    browsers: bool = False  # visitors' browsers send it, from the origins that the connection names


def _meta_challenge(request: Request, token: bytes | None) -> Answer:
    """developers.facebook.com/docs/graph-api/webhooks/getting-started: repeat the challenge if the token is ours."""
    sent = {name: values[0] for name, values in parse_qs(request.query, max_num_fields=100).items()}
    given = sent.get("hub.verify_token", "").encode()
    if token is None or sent.get("hub.mode") != "subscribe" or not hmac.compare_digest(given, token):
        raise Refused(403, "hub.verify_token is not the verify_token of this connection")
    challenge = sent.get("hub.challenge", "")
    if not challenge.isalnum() or len(challenge) > 200:
        raise Refused(400, "hub.challenge must be letters and digits")
    return Answer(200, challenge.encode(), b"text/plain")


def _present(request: Request, token: bytes | None) -> Answer:
    """Senders that only look whether somebody is there: Mailchimp (GET), Intercom (HEAD)."""
    return Answer(200)


def _allowed(request: Request, token: bytes | None) -> Answer:
    """CloudEvents' web hook validation: github.com/cloudevents/spec, http-webhook.md, section 4."""
    origin = request.headers.get(b"webhook-request-origin", b"")
    if not origin:
        raise Refused(400, "the header WebHook-Request-Origin is missing")
    return Answer(
        200,
        headers=((b"webhook-allowed-origin", origin), (b"webhook-allowed-rate", b"*"), (b"allow", b"POST, OPTIONS")),
    )


def _without(pattern: bytes) -> Callable[[bytes], bytes]:
    """Takes out what stands between the two groups of a pattern."""
    found = re.compile(pattern)
    return lambda body: found.sub(rb"\1\2", body)


SENDERS: Mapping[str, Sender] = MappingProxyType(
    {
        # developer.zendesk.com/documentation/webhooks/verifying
        "zendesk": Sender(
            "zendesk",
            Hmac(
                b"x-zendesk-webhook-signature",
                encoding="base64",
                stamp_header=b"x-zendesk-webhook-signature-timestamp",
                stamp_format="iso",
            ),
        ),
        "hubspot": Sender("hubspot", HubSpot()),
        "meta-lead-ads": Sender(
            "meta-lead-ads", Hmac(b"x-hub-signature-256", prefix="sha256="), handshakes={"GET": _meta_challenge}
        ),
        "google-lead-form": Sender(
            "google-lead-form",
            BodyKey("google_key"),
            Answer(200, b"{}"),
            redact=_without(rb'("google_key"\s*:\s*")[^"]*(")'),
        ),
        # segment.com/docs/connections/destinations/catalog/webhooks: a batch is signed by its first event.
        "segment": Sender("segment", Hmac(b"x-signature", "sha1", first_of_batch=True)),
        "segment-api": Sender("segment", WriteKey(), Answer(200, b'{"success":true}'), browsers=True),
        "intercom": Sender(
            "intercom",
            Hmac(b"x-hub-signature", "sha1", prefix="sha1="),
            handshakes={"HEAD": _present},
        ),
        "sendgrid": Sender("sendgrid", SendGrid()),
        "mailchimp": Sender("mailchimp", UrlKey(), handshakes={"GET": _present, "HEAD": _present}),
        "marketo": Sender("marketo", HeaderKey()),
        # developers.outreach.io/client-extensions/app-lifecycle-webhooks
        "outreach": Sender("outreach", Hmac(b"outreach-webhook-signature")),
        # docs.customer.io/api/webhooks: HMAC-SHA256 of `v0:<timestamp>:<body>`
        "customer-io": Sender(
            "customer-io",
            Hmac(b"x-cio-signature", stamp_header=b"x-cio-timestamp", preamble="v0:{stamp}:"),
        ),
        # developer.close.com/api/resources/webhooks: the key is shown in hex
        "close": Sender("close", Hmac(b"close-sig-hash", stamp_header=b"close-sig-timestamp", key=from_hex)),
        # frappe/integrations/doctype/webhook/webhook.py
        "erpnext": Sender("erpnext", Hmac(b"x-frappe-webhook-signature", encoding="base64")),
        "salesforce-outbound": Sender(
            "salesforce",
            Organization(),
            SOAP_ACK,
            redact=_without(rb"(<(?:\w+:)?SessionId(?:\s[^>]*)?>)[^<]*(</)"),  # with it one acts as who made the change
        ),
        "salesforce": Sender("salesforce", HeaderKey()),  # a relay of change events
        "posthog": Sender("posthog", HeaderKey()),
        "amplitude": Sender("amplitude", HeaderKey()),
        "mixpanel": Sender("mixpanel", HeaderKey()),
        "cloudevents": Sender("cloudevents", HeaderKey(), handshakes={"OPTIONS": _allowed}),
        "canonical": Sender("canonical", HeaderKey()),
        # github.com/standard-webhooks/standard-webhooks, spec: `<id>.<timestamp>.<body>`
        "standard-webhooks": Sender(
            "canonical",
            Hmac(
                b"webhook-signature",
                encoding="base64",
                prefix="v1,",
                stamp_header=b"webhook-timestamp",
                id_header=b"webhook-id",
                preamble="{id}.{stamp}.",
                key=from_standard_webhooks,
            ),
        ),
        "web-form": Sender("web-form", Anyone(), Answer(200, b"{}"), browsers=True),
    }
)
