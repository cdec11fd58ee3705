"""A real S3 server that keeps its buckets on a disk: SeaweedFS, from its wheel."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import botocore.exceptions
from botocore.config import Config

PROGRAM = Path(sys.executable).with_name("weed")
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "weedkey",
    "AWS_SECRET_ACCESS_KEY": "weed-not-to-be-shown",
    "AWS_REGION": "us-east-1",
}
BUCKET = "releases"
ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]


def is_installed() -> bool:
    return PROGRAM.is_file()


@dataclass
class Seaweed:
    """A server that can be killed and started again on what it has on its disk."""

    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def environment(self) -> Mapping[str, str]:
        """Of a process that is to work with it."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def start(self) -> None:
        """Returns when an object could be written."""
        log = (self.folder / "log.txt").open("ab")
        ports = {
            "master.port": 1,
            "master.port.grpc": 11,
            "volume.port": 2,
            "volume.port.grpc": 12,
            "filer.port": 3,
            "filer.port.grpc": 13,
            "s3.port": 0,
            "s3.port.grpc": 10,
        }
        options = {
            "dir": self.folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            **{name: self.port + offset for name, offset in ports.items()},
            "volume.preStopSeconds": 0,
            # With its usual ten seconds it takes fifteen to start again.
            "master.electionTimeout": "1s",
            "master.heartbeatInterval": "150ms",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.config": self.folder / "s3.json",
            "master.volumeSizeLimitMB": 64,
            "volume.max": 8,
            "master.telemetry": "false",
        }
        words = [f"-{name}={value}" for name, value in options.items()]
        self._process = subprocess.Popen(
            [PROGRAM, "server", *words, "-filer", "-s3"],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self._wait()

    def kill(self) -> None:
        """Without warning, as a power cut does; it would take 20 seconds to end in order."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _wait(self) -> None:
        client = boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
            region_name=ENVIRONMENT["AWS_REGION"],
            config=Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1}),
        )
        ends = time.monotonic() + 60
        while True:
            try:
                # Its port is open a second before anything can be written.
                with suppress(client.exceptions.BucketAlreadyExists):
                    client.create_bucket(Bucket=BUCKET)
                client.put_object(Bucket=BUCKET, Key="started", Body=b"yes")
                return
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
                if time.monotonic() > ends:
                    log = (self.folder / "log.txt").read_text("utf-8", "replace")
                    raise TimeoutError(f"SeaweedFS does not start: {error}\n{log}") from error
                time.sleep(0.2)


@contextmanager
def seaweed(folder: Path) -> Iterator[Seaweed]:
    """A running server on free ports, with one bucket."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = {
        "name": "admin",
        "credentials": [
            {
                "accessKey": ENVIRONMENT["AWS_ACCESS_KEY_ID"],
                "secretKey": ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
            }
        ],
        "actions": ACTIONS,
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}), "utf-8")
    server = Seaweed(folder, _free_ports(14))
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _free_ports(count: int) -> int:
    """The first of so many neighbours that are free; its offset to gRPC would pass 65535 above."""
    for first in range(20000 + os.getpid() % 10000, 60000, count):
        with suppress(OSError):
            for port in range(first, first + count):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port))
            return first
    raise OSError("no free ports")
