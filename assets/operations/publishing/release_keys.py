"""`outpost release keys` and `sign`: keys made, rotated, revoked, and used on a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detector_runtime.updates.documents import KeySet

from assets.operations.publishing.published_kinds import model_of, other_than_detector
from pipeline.errors import OutpostError
from pipeline.files import write_once
from pipeline.release.channels import CHANNELS
from pipeline.release.openssf import OpenssfKey
from resources.defaults import Resources
from resources.releases.publisher import Publisher


class PublicKeyFileError(OutpostError):
    """A file into which a public key cannot be written."""


class SignedByHandError(OutpostError):
    """A model that is to be signed as if it were a bundle."""


def publisher_of(resources: Resources, game: str) -> Publisher:
    """Who publishes a game's models: this user.

    Args:
        game: a pack, or its name with `-community` or `-policies` after it.

    Raises:
        ReleaseError: nobody has said where models are published.
        PackError: there is no such pack, or it has no such models.
    """
    return resources.releases.publisher(model_of(game))


def init_keys(resources: Resources, game: str) -> tuple[KeySet, Path]:
    """Make the first keys of a game: those that count, and where the private ones lie."""
    publisher = publisher_of(resources, game)
    return publisher.init_keys(), publisher.private_keys.folder


def rotate_keys(resources: Resources, game: str, *, root: bool) -> KeySet:
    """Make another release key, or another root key in the place of the one that is here."""
    return publisher_of(resources, game).rotate_keys(root=root)


def revoke_key(resources: Resources, game: str, key_id: str) -> tuple[KeySet, Sequence[str]]:
    """Have a release key count no more.

    Returns:
        The keys of now, and the channels that offer nothing any more which counts.
    """
    publisher = publisher_of(resources, game)
    offered = [name for name in CHANNELS if publisher.store.head(name) is not None]
    keys = publisher.revoke_key(key_id)
    return keys, [name for name in offered if publisher.store.head(name) is None]


def write_openssf_key(resources: Resources, game: str, file: Path, *, new: bool) -> OpenssfKey:
    """Write the public key with which tools of others verify; the key is made if there is none.

    Args:
        new: make another key, which signs from now on.

    Raises:
        PublicKeyFileError: the file is something else, or cannot be written.
        PrivateKeyError: the private key is unreadable, or cannot be kept.
    """
    if new and file.exists():
        raise _is_there(file)
    key = publisher_of(resources, game).openssf_key(new=new)
    content = key.public_pem.encode()
    try:
        if not write_once(file, content, private=False) and file.read_bytes() != content:
            raise _is_there(file)
    except OSError as error:
        raise PublicKeyFileError(
            f"{file} cannot be written: {error.strerror or error}.",
            "Name a file in a folder that exists and that you may write to.",
        ) from error
    return key


def sign_bundle(
    resources: Resources, game: str, bundle: Path, folder: Path, *, openssf: bool
) -> Path:
    """Write a bundle into a new folder with a signed manifest; returns the folder.

    Raises:
        SignedByHandError: it is no bundle.
        SigningError, BundleError, PrivateKeyError: see `Publisher.sign_bundle`.
    """
    other = other_than_detector(game, bundle)
    if other is not None:
        raise SignedByHandError(
            f"Only a bundle is signed by hand, not {other.called}.",
            f"Materialize {other.asset}, and hand over the folder of the version that `outpost "
            "release list` shows, with the keys.json of its place.",
        )
    publisher = publisher_of(resources, game)
    publisher.sign_bundle(bundle.absolute(), folder.absolute(), openssf=openssf)
    return folder.absolute()


def _is_there(file: Path) -> PublicKeyFileError:
    return PublicKeyFileError(
        f"{file} is there already, and not this public key.", "Name a file that does not exist yet."
    )
