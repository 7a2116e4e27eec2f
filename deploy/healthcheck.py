#!/usr/bin/env python3
"""Ask a service inside its own container whether it is well: `healthcheck http://127.0.0.1:9100/healthz`.

Slim images have no curl. Exits 0 when the answer's status is below 400.
"""

import http.client
import sys
from urllib.parse import urlsplit

SECONDS = 4


def main() -> int:
    """0 when the service is well, 1 when it is not."""
    address = urlsplit(sys.argv[1])
    try:
        connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=SECONDS)
        connection.request("GET", address.path)
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"{sys.argv[1]} does not answer: {error}\n")
        return 1
    sys.stdout.write(answer.read(500).decode(errors="replace"))
    return 0 if answer.status < 400 else 1


if __name__ == "__main__":
    sys.exit(main())
