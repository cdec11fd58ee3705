"""A real S3 server on a free port: moto's, which keeps its buckets in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "not-to-be-shown",
    "AWS_REGION": "us-east-1",
}


@dataclass(frozen=True)
class S3Server:
    """A server that runs, with one bucket."""

    url: str
    bucket: str = "annotations"

    @property
    def environment(self) -> Mapping[str, str]:
        """Of a process that is to work with it."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL": self.url}

    def put(self, key: str, content: bytes) -> None:
        self._store.put(key, content)

    def delete(self, key: str) -> None:
        self._store.delete(key)

    @property
    def _store(self) -> S3Store:
        """Signs its requests: an object that is there is nobody's to replace."""
        return S3Store(
            self.bucket,
            access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
            region=ENVIRONMENT["AWS_REGION"],
            endpoint=self.url,
            client_options={"allow_http": True},
        )


@contextmanager
def s3_server() -> Iterator[S3Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        running = S3Server(f"http://{host}:{port}")
        httpx.post(f"{running.url}/moto-api/reset").raise_for_status()
        httpx.put(f"{running.url}/{running.bucket}").raise_for_status()
        yield running
    finally:
        server.stop()
