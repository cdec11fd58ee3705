"""A second, different S3 server: LocalStack's own, in an environment of its own.

It shares no code with SeaweedFS, and decides between simultaneous conditional writes under a lock
for each key (from 4.10 on; 4.14 needs Python 3.13).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
import botocore.exceptions
from botocore.config import Config
from doubles.sshd import free_port

VERSION = "4.13.0"
PACKAGES = (
    f"localstack-core[base-runtime]=={VERSION}",
    # It uses what later versions of both took away, and does not say so.
    "cbor2<5.8",
    "pyopenssl<25",
    "service-identity",
)
BUCKET = "releases"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "localkey",
    "AWS_SECRET_ACCESS_KEY": "local-not-to-be-shown",
    "AWS_REGION": "us-east-1",
}
SECONDS = 60


class NotInstallableError(Exception):
    """Its packages cannot be had here; the message says why."""


@dataclass(frozen=True)
class LocalStack:
    """A server that runs, with one bucket."""

    port: int

    @property
    def environment(self) -> Mapping[str, str]:
        """Of a process that is to work with it."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}


def python() -> list[str]:
    """The command of a Python with LocalStack.

    Raises:
        NotInstallableError: there is none, and none can be made.
    """
    uv = shutil.which("uv")
    if uv is None:
        raise NotInstallableError("uv makes the environment of LocalStack, and is not installed")
    command = [uv, "run", "--quiet", "--no-project", "--python", "3.11"]
    command += [word for package in PACKAGES for word in ("--with", package)] + ["python"]
    ready = subprocess.run(
        [*command, "-c", "import localstack.services.s3.provider"], capture_output=True, text=True
    )
    if ready.returncode:
        raise NotInstallableError(f"LocalStack {VERSION}: {ready.stderr.strip()[-300:]}")
    return command


@contextmanager
def localstack(folder: Path) -> Iterator[LocalStack]:
    """A running server on a free port.

    Raises:
        NotInstallableError: see `python`.
    """
    command = [*python(), "-m", "localstack.runtime.main"]
    server = LocalStack(free_port())
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "GATEWAY_LISTEN": f"127.0.0.1:{server.port}",
        "SERVICES": "s3",
        "FILESYSTEM_ROOT": str(folder / "files"),
        "LOCALSTACK_VOLUME_DIR": str(folder / "volume"),
        # It asks nobody: no certificates, no events, no names.
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "DNS_ADDRESS": "0",
    }
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait(server, process, folder / "log.txt")
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(server: LocalStack, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until its bucket is there."""
    client = boto3.client(
        "s3",
        endpoint_url=server.environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        region_name=ENVIRONMENT["AWS_REGION"],
        config=Config(connect_timeout=1, read_timeout=20, retries={"total_max_attempts": 1}),
    )
    ends = time.monotonic() + SECONDS
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            return
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            if process.poll() is not None or time.monotonic() > ends:
                said = log.read_text("utf-8", "replace")[-2000:]
                raise TimeoutError(f"LocalStack does not start: {error}\n{said}") from error
            time.sleep(0.2)
