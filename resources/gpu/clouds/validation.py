"""What is checked about a request for a pod before any cloud sees it."""

from __future__ import annotations

import re

from resources.gpu.clouds.base import CloudError

LONGEST_NAME = 60

_PUBLIC_KEY = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( [^\r\n]*)?")


def checked_name(name: str) -> str:
    """A pod's name.

    Raises:
        CloudError: not every cloud would take it as it is.
    """
    if not re.fullmatch(rf"[A-Za-z0-9._-]{{1,{LONGEST_NAME}}}", name):
        raise CloudError(
            f"{name!r} cannot be a pod's name.",
            f"Use at most {LONGEST_NAME} letters, digits, dots, dashes and underscores.",
        )
    return name


def checked_public_key(text: str) -> str:
    """A public key as one line.

    Raises:
        CloudError: it is none, so nobody could log in.
    """
    key = text.strip()
    if not _PUBLIC_KEY.fullmatch(key):
        raise CloudError(
            "The public SSH key is not one line in OpenSSH's format.",
            "Give the content of a file as ~/.ssh/id_ed25519.pub.",
        )
    return key


def checked_id(pod_id: str) -> str:
    """A pod's id, fit to be part of a path.

    Raises:
        CloudError: it would lead elsewhere.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", pod_id):
        raise CloudError(f"{pod_id!r} is not the id of a pod.", "Run `outpost gpu list`.")
    return pod_id
