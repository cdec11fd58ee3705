"""A hosted detector, whatever its service does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from doubles.dinox import KEY, Dinox
from doubles.servers import Fault, Reply, drop, fine, hang, status, text
from PIL import Image

from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box
from resources.dinox import DinoxError, DinoxPrelabeler, DinoxTimeouts

NAMES = ("sheep", "town_center")
QUICK = DinoxTimeouts(request=0.5, image=5.0, poll=0.01)
IMAGE = Image.new("RGB", (64, 48), (90, 120, 30))
SHEEP = {"category": "sheep", "score": 0.5, "bbox": [1.5, 2.0, 30.25, 40.0]}


@pytest.fixture
def dinox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dinox]:
    double = Dinox()
    monkeypatch.setenv("DDS_CLOUDAPI_ENDPOINT", double.url)
    monkeypatch.setenv("DINOX_API_KEY", KEY)
    yield double
    double.close()


def find(image: Image.Image = IMAGE, timeouts: DinoxTimeouts = QUICK) -> tuple[ScoredBox, ...]:
    prelabeler = DinoxPrelabeler(NAMES, 0.25, timeouts)
    try:
        return prelabeler.find(image)
    finally:
        prelabeler.close()


def test_boxes_are_found_by_the_names_of_classes(dinox: Dinox) -> None:
    dinox.objects = [
        SHEEP,
        {"category": "town center", "score": 0.9, "bbox": [0, 0, 10, 10], "mask": None},
        {"category": "dragon", "score": 0.9, "bbox": [0, 0, 10, 10]},
        {**SHEEP, "score": 0.1},
    ]
    assert find() == (
        ScoredBox(0, 0.5, Box(1.5, 2.0, 30.25, 40.0)),
        ScoredBox(1, 0.9, Box(0, 0, 10, 10)),
    )
    (body,) = dinox.sent.values()
    assert body["prompt"] == {"type": "text", "text": "sheep.town center"}
    assert (body["targets"], body["bbox_threshold"]) == (["bbox"], 0.25)
    assert dinox.sizes == [(64, 48)]


def test_a_large_image_is_reduced_and_its_boxes_enlarged(dinox: Dinox) -> None:
    dinox.objects = [SHEEP]
    (found,) = find(Image.new("RGB", (3072, 1000)))
    assert dinox.sizes == [(1536, 500)]
    assert found.box == Box(3.0, 4.0, 60.5, 80.0)


@pytest.mark.parametrize(
    "fault",
    [
        drop(after=True),
        status(503, after=True),
        status(429),
        hang(0.7),
        Fault(Reply(200, {"code": 202001, "msg": "try again"})),
    ],
)
def test_what_is_asked_again_is_done_once(dinox: Dinox, fault: Fault) -> None:
    dinox.objects = [SHEEP]
    dinox.script("start", fault)
    dinox.script("status", fine(), fault)
    assert len(find()) == 1
    assert len(dinox.sent) == 1
    assert dinox.count("start") == 2


@pytest.mark.parametrize(
    ("operation", "fault", "said"),
    [
        ("start", status(500), "does not answer .status 500"),
        ("start", drop(), "does not answer"),
        ("start", text(200, "<html>"), "cannot be understood"),
        ("start", Fault(Reply(200, {"code": 0, "msg": "ok", "data": {}})), "cannot be understood"),
        ("start", Fault(Reply(200, {"code": 20003, "msg": "no quota"})), "no quota .code 20003"),
        ("start", Fault(Reply(400, {"code": 1, "msg": ""})), "no reason given"),
        ("status", status(404, "gone"), "cannot be understood"),
        (
            "status",
            Fault(Reply(200, {"code": 0, "data": {"status": "success", "result": {"objects": 1}}})),
            "cannot be understood",
        ),
        ("status", Fault(Reply(200, {"code": 0, "data": {"status": "lost"}})), "failed .* lost"),
    ],
)
def test_a_failure_is_told(dinox: Dinox, operation: str, fault: Fault, said: str) -> None:
    dinox.always(operation, fault)
    with pytest.raises(DinoxError, match=said) as caught:
        find()
    assert KEY not in str(caught.value)


def test_a_failed_task_says_why(dinox: Dinox) -> None:
    dinox.failure = "image too dark"
    with pytest.raises(DinoxError, match="image too dark"):
        find()


def test_a_task_that_never_ends_is_given_up(dinox: Dinox) -> None:
    dinox.looks = 10**9
    with pytest.raises(DinoxError, match="has not found"):
        find(timeouts=DinoxTimeouts(image=0.1, poll=0.01))


def test_a_refused_key_is_not_quoted(dinox: Dinox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINOX_API_KEY", "another-secret")
    with pytest.raises(DinoxError, match="refuses the API key") as caught:
        find()
    assert "another-secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "  ", "schlüssel", "two\nlines"])
def test_without_a_key_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("DINOX_API_KEY", key)
    with pytest.raises(DinoxError, match="DINOX_API_KEY"):
        DinoxPrelabeler(NAMES, 0.25)
