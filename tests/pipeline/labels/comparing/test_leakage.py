from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.labels.comparing.leakage import Leak, find_leaks, fingerprint_of
from pipeline.labels.fingerprints import Fingerprint


def fingerprint(name: str, content: str, phash: int) -> Fingerprint:
    return Fingerprint(name, content * 64, f"{phash:016x}")


TRAINED = (fingerprint("a", "1", 0), fingerprint("b", "2", 2**64 - 1))


def test_frames_that_differ_do_not_leak() -> None:
    assert find_leaks(TRAINED, [fingerprint("c", "3", 0xFFFFFFFF)]) == ()
    assert find_leaks(TRAINED, []) == ()
    assert find_leaks([], TRAINED) == ()


def test_a_name_is_no_leak() -> None:
    assert find_leaks(TRAINED, [fingerprint("a", "3", 0xFFFFFFFF)]) == ()


def test_each_judged_frame_is_found_once_by_its_plainest_sign() -> None:
    judged = [
        fingerprint("a", "1", 0),
        fingerprint("c", "2", 2**64 - 1),
        fingerprint("d", "4", 0x3FF),
        fingerprint("e", "5", 0x7FF),
    ]
    assert find_leaks(TRAINED, judged) == (
        Leak("same bytes", "a", "a", 0),
        Leak("same bytes", "b", "c", 0),
        Leak("near duplicate", "a", "d", 10),
    )


def test_a_fingerprint_is_of_the_file_and_of_the_view(tmp_path: Path, shapes: Any) -> None:
    view = shapes.image("view", (320, 256))
    view.save(tmp_path / "a.png")
    view.save(tmp_path / "b.jpg", quality=70)
    one, other = fingerprint_of(tmp_path / "a.png"), fingerprint_of(tmp_path / "b.jpg")
    assert [leak.kind for leak in find_leaks([one], [other])] == ["near duplicate"]
