"""Keys that sign records: made on first use, trusted, rotated, revoked, lost."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from detector_runtime.updates.signatures import SigningKey
from doubles.artifacts import recorded

from pipeline.provenance import Provenance, Recipe
from pipeline.release.lineage.signed_records import SignatureState, signature_state
from resources.keys.private_keys import FOLDER_VARIABLE, PrivateKeyError, PrivateKeys
from resources.keys.record_keys import KEYS_FILE, OWN, RecordKeyError, RecordKeys
from resources.state import PROJECT_ROOT

RECORD = recorded(Recipe(asset="toy/sprites", code_version="c", config={}))("a" * 64)


@pytest.fixture
def keys(tmp_path: Path) -> RecordKeys:
    return keys_in(tmp_path / "here")


def keys_in(folder: Path) -> RecordKeys:
    return RecordKeys(PrivateKeys(folder))


def state(record: Provenance, keys: RecordKeys) -> SignatureState:
    return signature_state(record, keys.trusted)


def pem_files(keys: RecordKeys) -> list[Path]:
    return sorted(keys.private.folder.glob("*.pem"))


def test_the_first_record_makes_the_key_and_the_next_takes_it(keys: RecordKeys) -> None:
    assert keys.trusted() == {}
    assert not keys.private.folder.exists(), "asking makes nothing"
    first, second = keys.sign(RECORD), keys.sign(RECORD)
    assert first == second
    assert state(first, keys) is SignatureState.TRUSTED
    (file,) = pem_files(keys)
    assert [one.name for one in keys.named().values()] == [OWN]
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_runs_that_begin_at_once_make_one_key(keys: RecordKeys) -> None:
    """Locks of files hold between threads as between processes, which take longer to start."""
    with ThreadPoolExecutor(8) as pool:
        signed = list(pool.map(keys.sign, [RECORD] * 8))
    assert len({one.signature.key_id for one in signed if one.signature}) == 1
    assert len(pem_files(keys)) == 1


def test_the_record_of_another_machine_counts_once_its_key_is_trusted(
    keys: RecordKeys, tmp_path: Path
) -> None:
    lab = keys_in(tmp_path / "lab")
    record, public = lab.sign(RECORD), next(iter(lab.trusted().values()))
    assert state(record, keys) is SignatureState.UNKNOWN_KEY
    added = keys.trust(public, "lab")
    assert state(record, keys) is SignatureState.TRUSTED
    assert keys.named()[added].name == "lab"
    keys.revoke(added)
    assert state(record, keys) is SignatureState.UNKNOWN_KEY
    keys.trust(public, "lab")
    assert state(record, keys) is SignatureState.TRUSTED, "it was a mistake"


@pytest.mark.parametrize(
    ("public", "name"),
    [
        ("", "lab"),
        ("not base64", "lab"),
        ("é" * 44, "lab"),
        ("AAAA", "lab"),
        (f" {SigningKey(b'1' * 32).public}", "lab"),
        (SigningKey(b"1" * 32).public, ""),
        (SigningKey(b"1" * 32).public, "x" * 101),
    ],
)
def test_what_is_no_public_key_with_a_name_is_refused(
    keys: RecordKeys, public: str, name: str
) -> None:
    with pytest.raises(RecordKeyError, match="is no public key with a name"):
        keys.trust(public, name)
    assert not keys.private.folder.exists()


def test_after_a_rotation_both_count_and_the_new_one_signs(keys: RecordKeys) -> None:
    old = keys.sign(RECORD)
    made = keys.rotate()
    new = keys.sign(RECORD)
    assert new.signature is not None
    assert new.signature.key_id == made.id
    assert {state(old, keys), state(new, keys)} == {SignatureState.TRUSTED}


def test_a_revoked_key_signs_no_more_although_it_is_here(keys: RecordKeys) -> None:
    old = keys.sign(RECORD)
    assert old.signature is not None
    keys.revoke(old.signature.key_id)
    new = keys.sign(RECORD)
    assert new.signature is not None
    assert new.signature.key_id != old.signature.key_id
    assert state(old, keys) is SignatureState.UNKNOWN_KEY
    assert state(new, keys) is SignatureState.TRUSTED
    with pytest.raises(RecordKeyError, match="counts here"):
        keys.revoke(old.signature.key_id)


def test_what_a_lost_key_has_signed_still_counts(keys: RecordKeys) -> None:
    record = keys.sign(RECORD)
    for file in pem_files(keys):
        file.unlink()
    assert state(record, keys) is SignatureState.TRUSTED
    assert keys.sign(RECORD).signature != record.signature, "another one signs from now on"


def test_a_private_key_counts_where_the_file_of_keys_was_lost(keys: RecordKeys) -> None:
    record = keys.sign(RECORD)
    (keys.private.folder / KEYS_FILE).unlink()
    assert state(record, keys) is SignatureState.TRUSTED
    assert keys.sign(RECORD) == record


def test_a_key_from_the_environment_signs_and_counts(
    keys: RecordKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = keys.sign(RECORD)
    (file,) = pem_files(keys)
    elsewhere = keys_in(keys.private.folder / "nowhere")
    monkeypatch.setenv("OUTPOST_RECORD_KEY", file.read_text())
    assert elsewhere.sign(RECORD) == record
    assert state(record, elsewhere) is SignatureState.TRUSTED
    assert not elsewhere.private.folder.exists()
    monkeypatch.setenv("OUTPOST_RECORD_KEY", "no key")
    with pytest.raises(PrivateKeyError, match="OUTPOST_RECORD_KEY holds no readable") as raised:
        elsewhere.sign(RECORD)
    assert "no key" not in str(raised.value).replace("OUTPOST_RECORD_KEY", "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"trusted": {"0000000000000000": {"public": "AAAA", "name": "x"}}}',
        b'{"unknown": 1}',
    ],
)
def test_a_damaged_file_of_keys_is_named_and_left_alone(keys: RecordKeys, content: bytes) -> None:
    signed = keys.sign(RECORD)
    file = keys.private.folder / KEYS_FILE
    file.write_bytes(content)
    for use in (keys.trusted, keys.rotate, lambda: keys.sign(RECORD), lambda: state(signed, keys)):
        with pytest.raises(RecordKeyError) as raised:
            use()
        assert str(file) in raised.value.problem
    assert file.read_bytes() == content


def test_a_key_of_another_id_than_it_says_is_not_trusted(keys: RecordKeys) -> None:
    keys.sign(RECORD)
    file = keys.private.folder / KEYS_FILE
    said = json.loads(file.read_text())
    (own,) = said["trusted"]
    said["trusted"] = {own: {"public": SigningKey(b"9" * 32).public, "name": OWN}}
    file.write_text(json.dumps(said))
    with pytest.raises(RecordKeyError, match="not the id of the key"):
        keys.trusted()


def test_without_a_place_for_keys_none_counts_and_none_is_made(
    keys: RecordKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(PROJECT_ROOT / "keys"))
    nowhere = RecordKeys()
    assert state(keys.sign(RECORD), nowhere) is SignatureState.UNKNOWN_KEY
    with pytest.raises(PrivateKeyError, match="lies in the repository"):
        nowhere.sign(RECORD)
    assert not (PROJECT_ROOT / "keys").exists()


def test_where_nothing_can_be_kept_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PrivateKeyError, match="cannot be written"):
        keys_in(tmp_path / "file" / "keys").sign(RECORD)
