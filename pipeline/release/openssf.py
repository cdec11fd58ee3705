"""OpenSSF Model Signing 1.0: one signature of a folder's files, which tools of others verify.

A sigstore bundle (v0.3) with a DSSE envelope around an in-toto statement, which has a SHA-256 of
each file. Keys are ECDSA keys on P-256: the format has no Ed25519. What is written here is what
`model_signing verify key` 1.1.1 reads. Sources: the model-signing specification 1.0
(github.com/ossf/model-signing-spec), DSSE 1.0.0 and in-toto Statement v1.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pipeline.manifests import manifest_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

SIGNATURE_FILE = "model.sig"
"""The name that others look for, at the top of the folder; it is not signed itself."""
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"


@dataclass(frozen=True)
class OpenssfKey:
    """A private key on P-256. It shows itself by its id alone."""

    private: EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> OpenssfKey:
        """A new one, from the system's source of randomness."""
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

        return cls(generate_private_key(SECP256R1()))

    @property
    def public_pem(self) -> str:
        """What others verify with."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self.private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key's PEM text, by which signatures name the key; 64 hex digits."""
        return hashlib.sha256(self.public_pem.encode()).hexdigest()

    @property
    def id(self) -> str:
        """The fingerprint's first 16 digits."""
        return self.fingerprint[:16]

    def sign(self, content: bytes) -> bytes:
        """Always the same signature of the same bytes (RFC 6979), in DER."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        return self.private.sign(content, ECDSA(SHA256(), deterministic_signing=True))


def signature_of(folder: Path, name: str, key: OpenssfKey) -> bytes:
    """The signature of all files of a folder, as `model.sig` at its top holds it.

    Whoever verifies it refuses a file that is changed, missing or added.

    Args:
        folder: with plain files and folders alone; a `model.sig` at its top is left out.
        name: of the model, which binds nobody.

    Raises:
        OSError: a file cannot be read.
    """
    files = manifest_of(folder).files
    digests = {file.path: file.sha256 for file in files if file.path != SIGNATURE_FILE}
    statement = _statement(name, digests)
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {"keyid": "", "sig": base64.b64encode(key.sign(_encoded(payload))).decode()}
        ],
    }
    material = {"publicKey": {"hint": key.fingerprint}, "tlogEntries": []}
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": material,
        "dsseEnvelope": envelope,
    }
    return f"{json.dumps(bundle, sort_keys=True, indent=1)}\n".encode()


def _statement(name: str, digests: dict[str, str]) -> dict[str, Any]:
    """The in-toto statement; its subject's digest is that of all files' digests in order.

    The order is that of path components, so `sub/a` comes before `sub-x`.
    """
    ordered = sorted(digests, key=lambda path: PurePosixPath(path).parts)
    together = hashlib.sha256(b"".join(bytes.fromhex(digests[path]) for path in ordered))
    resources = [{"algorithm": "sha256", "digest": digests[path], "name": path} for path in ordered]
    serialization = {
        "allow_symlinks": False,
        "hash_type": "sha256",
        "ignore_paths": [SIGNATURE_FILE],
        "method": "files",
    }
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"digest": {"sha256": together.hexdigest()}, "name": name}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"resources": resources, "serialization": serialization},
    }


def _encoded(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    head = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} "
    return head.encode() + payload
