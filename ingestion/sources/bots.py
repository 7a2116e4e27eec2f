"""User agents of software that visits pages and opens mail without anybody looking.

The list is short on purpose: crawlers that name themselves, link previews, uptime checks, mail scanners and headless
browsers. Sources: the crawlers' own pages (developers.google.com/search/docs/crawling-indexing, bing.com/webmasters,
platform.openai.com/docs/bots, developers.facebook.com/docs/sharing/webmasters/web-crawlers) and the families of the
MIT-licensed list monperrus/crawler-user-agents. Reviewed 2025-11.
"""

from __future__ import annotations

import re
from functools import lru_cache

BOTS = re.compile(  # CUBOT is a maker of phones
    r"(?<!cu)bot\b|crawl|spider|slurp|scrap|archiver|preview|monitor|uptime|pingdom|statuscake|lighthouse|gtmetrix"
    r"|headless|phantomjs|selenium|puppeteer|playwright|facebookexternalhit|meta-externalagent|embedly|whatsapp/"
    r"|mediapartners-google|google-read-aloud|googleimageproxy|yahoomailproxy|proofpoint|mimecast|barracuda"
    r"|curl/|wget/|python-requests|python-urllib|aiohttp|httpx/|go-http-client|java/|okhttp|axios/|node-fetch"
    r"|libwww-perl|apache-httpclient",
    re.IGNORECASE,
)


@lru_cache(maxsize=16_384)
def is_bot(user_agent: str | None) -> bool:
    """Whether the user agent names a program rather than a person's browser; an absent one says nothing."""
    return bool(user_agent) and BOTS.search(user_agent or "") is not None
