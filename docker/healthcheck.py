"""Exits 0 where the service in this container is ready to answer searches, else 1: what HEALTHCHECK runs."""

import http.client
import os
import sys

TIMEOUT_S = 4

# http.client and not urllib: a proxy named in the environment must not be asked
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("SEMBLANCE_PORT") or 8000), timeout=TIMEOUT_S)
try:
    connection.request("GET", "/readyz")
    status = connection.getresponse().status
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"no answer: {error}")
sys.exit(None if status == http.client.OK else f"/readyz answers {status}")
