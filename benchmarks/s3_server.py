"""A real server of object storage of this machine, ``moto``'s, for tests and benchmarks: started, killed, started anew.

It keeps objects in memory: what is started anew is empty.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping

import boto3

INSTALL = "needs a server of object storage: pip install moto flask flask-cors s3fs"
PAGE = 5
"""How many objects its listings have a page; real ones have a thousand."""
_KEY = "semblance"


class S3Server:
    """One server on the loopback."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """What whoever asks it sets."""
        return {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(self.port)]
        environment = {**os.environ, **self.environment, "MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)}
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, "the server of object storage does not start"
            time.sleep(0.05)

    def put(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        """Store objects in a bucket, which is made where there is none."""
        client = self.client()
        client.create_bucket(Bucket=bucket)
        for name, content in objects.items():
            client.put_object(Bucket=bucket, Key=name, Body=content)

    def remove(self, bucket: str, *names: str) -> None:
        """Remove objects."""
        for name in names:
            self.client().delete_object(Bucket=bucket, Key=name)

    def empty(self) -> None:
        """Remove all there is."""
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{self.port}/moto-api/reset", method="POST")
        ) as answer:
            answer.read()

    def pause(self) -> None:
        """Have it accept connections and answer none."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it answer again."""
        self._process.send_signal(signal.SIGCONT)

    def client(self):
        """Return a client of AWS's own library."""
        return boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=_KEY,
            aws_secret_access_key=_KEY,
            region_name="us-east-1",
        )

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
