"""`outpost release keys` and `sign`: keys made, rotated, revoked, and used on a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detector_runtime.updates.documents import KeySet

from pipeline.games.pack import load_pack
from pipeline.release.channels import CHANNELS
from resources.defaults import Resources
from resources.releases.publisher import Publisher


def publisher_of(resources: Resources, game: str) -> Publisher:
    """Who publishes a game's models: this user.

    Raises:
        ReleaseError: nobody has said where models are published.
    """
    return resources.releases.publisher(load_pack(game).name)


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


def sign_bundle(resources: Resources, game: str, bundle: Path, folder: Path) -> Path:
    """Write a bundle into a new folder with a signed manifest; returns the folder."""
    publisher_of(resources, game).sign_bundle(bundle.absolute(), folder.absolute())
    return folder.absolute()
