"""What people made of a model's boxes, found again by the images alone."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from doubles.prelabels import SIZE, prelabelled, screenshot, write_annotation_batch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotation.corrections.frame_corrections import correct_frame
from pipeline.annotation.corrections.label_corrections import (
    Corrections,
    LabelCorrections,
    LabelCorrectionsError,
    compare_labels,
)
from pipeline.annotation.corrections.plot import corrections_svg
from pipeline.annotation.corrections.returned_frames import ReturnedFrame, batches_in
from pipeline.annotation.corrections.summary import (
    Agreement,
    Bias,
    ClassCorrections,
    CorrectionSummary,
    agreement_of,
    bias_of,
    class_corrections,
    explained,
    totals,
)
from pipeline.annotation.prelabels import Prelabel, PrelabelledFrame, PrelabelledFrames
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.batches import ExportBatch, Frame
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import read_export
from pipeline.labels.formats.coco_writer import write_coco
from pipeline.labels.formats.written_images import LabelledImage

NAMES = ("sheep", "wolf")
SHEEP = LabelledBox(0, Box(4, 4, 20, 20))
WOLF = LabelledBox(1, Box(30, 10, 50, 30))
Labels = Mapping[str, Sequence[LabelledBox]]


def found(*boxes: LabelledBox) -> list[ScoredBox]:
    return [ScoredBox(class_id, 0.5, box) for class_id, box in boxes]


def sent(folder: Path, found: Mapping[str, list[ScoredBox]], blind: str = "") -> PrelabelledFrames:
    batch = write_annotation_batch(folder, list(found), blind=list(blind))
    return prelabelled(batch, found, NAMES)


def returned(folder: Path, labels: Labels, again: bool = False) -> ExportBatch:
    """An export batch; keys are paths of images, which look like their stems."""
    images = [LabelledImage(path, *SIZE, tuple(boxes)) for path, boxes in labels.items()]

    def content(image: LabelledImage) -> bytes:
        file = io.BytesIO()
        look = screenshot(image.path.rpartition("/")[2].partition(".")[0].removeprefix("renamed_"))
        look.save(file, "PNG", compress_level=1 if again else 6)
        return file.getvalue()

    write_coco(folder / "export.zip", images, NAMES, content)
    batch = read_export(folder / "export.zip", NAMES)
    return ExportBatch.write(folder / "batch", batch, folder / "export.zip")


def counts(compared: Corrections, *, blind: bool = False) -> dict[str, tuple[int, ...]]:
    rows = compared.summary.blind if blind else compared.summary.shown
    return {
        row.class_name: (row.kept, row.moved, row.relabelled, row.deleted, row.added)
        for row in rows
    }


def test_each_change_is_counted_for_its_class(tmp_path: Path) -> None:
    moved = LabelledBox(0, Box(6, 4, 22, 20))
    prelabels = sent(
        tmp_path / "sent",
        {"a": found(SHEEP, WOLF), "b": found(SHEEP), "c": found(WOLF), "d": found(SHEEP, WOLF)},
    )
    labels = {
        "a.png": [SHEEP, WOLF],
        "b.png": [moved],
        "c.png": [WOLF._replace(class_id=0)],
        "d.png": [SHEEP, LabelledBox(1, Box(1, 30, 20, 47))],
    }
    compared = compare_labels(returned(tmp_path, labels), {"one": prelabels})
    assert counts(compared) == {"sheep": (2, 1, 0, 0, 0), "wolf": (1, 0, 1, 1, 1)}
    assert totals(compared.summary.shown).found == 6
    assert compared.summary.shown[0].moved_overlap == pytest.approx(14 / 18, abs=1e-4)
    assert compared.summary.batches == ("one",)
    assert "3 were kept, 1 moved, 1 relabelled and 1 deleted; 1 were added" in explained(
        compared.summary
    )


def test_frames_are_found_renamed_in_other_folders_and_packed_anew(tmp_path: Path) -> None:
    prelabels = sent(tmp_path / "sent", {"a": found(SHEEP), "b": found(WOLF)})
    labels = {"Train/x/renamed_a.png": [SHEEP], "renamed_b.png": [WOLF]}
    compared = compare_labels(returned(tmp_path, labels, again=True), {"one": prelabels})
    assert [frame.place for frame in compared.frames] == ["Train/x/renamed_a.png", "renamed_b.png"]
    assert counts(compared) == {"sheep": (1, 0, 0, 0, 0), "wolf": (1, 0, 0, 0, 0)}


def test_blind_frames_stay_apart(tmp_path: Path) -> None:
    prelabels = sent(
        tmp_path / "sent", {"a": found(SHEEP), "b": found(SHEEP), "c": found(WOLF)}, blind="bc"
    )
    labels: Labels = {"a.png": [SHEEP], "b.png": [WOLF], "c.png": []}
    compared = compare_labels(returned(tmp_path, labels), {"one": prelabels})
    assert counts(compared) == {"sheep": (1, 0, 0, 0, 0)}
    assert counts(compared, blind=True) == {"sheep": (0, 0, 0, 1, 0), "wolf": (0, 0, 0, 0, 1)}
    assert compared.summary.unlabelled_blind == 1
    assert compared.summary.bias.difference == 1.0
    assert compared.summary.bias.interval is None
    assert "too few" in compared.summary.bias.verdict


def test_blind_frames_of_another_export_count_for_the_bias_alone(tmp_path: Path) -> None:
    sheep, wolf = found(SHEEP), found(WOLF)
    prelabels = {
        "one": sent(tmp_path / "one", {"a": sheep, "b": sheep, "c": wolf}, blind="bc"),
        "two": sent(tmp_path / "two", {"d": sheep}, blind="d"),
    }
    blind = compare_labels(
        returned(tmp_path / "blind", {"b.png": [WOLF], "c.png": [WOLF], "d.png": [WOLF]}), prelabels
    )
    assert "no shown frames" in blind.summary.bias.verdict
    shown = returned(tmp_path / "shown", {"a.png": [SHEEP]})
    assert batches_in(shown, prelabels) == {"one"}
    both = compare_labels(shown, prelabels, beside={"blind": blind, "blind again": blind})
    assert both.summary.bias.difference == pytest.approx(1 - 0.5), "of d, nothing went with a"
    assert both.summary.bias_exports == ("blind again",), "each frame once"
    assert counts(both) == {"sheep": (1, 0, 0, 0, 0)}
    assert counts(both, blind=True) == {}
    older = [frame.model_copy(update={"sent_as": ""}) for frame in blind.frames]
    unknown = blind.model_copy(update={"frames": tuple(older)})
    assert compare_labels(shown, prelabels, beside={"blind": unknown}).summary.bias_exports == ()


def test_chosen_frames_of_a_batch_without_boxes_are_neither_blind_nor_shown(tmp_path: Path) -> None:
    prelabels = sent(tmp_path / "sent", dict.fromkeys("abc", found(SHEEP)), blind="b")
    labels: Labels = {"a.png": [SHEEP], "b.png": [WOLF], "c.png": []}
    compared = compare_labels(returned(tmp_path, labels), {"one": prelabels}, without_boxes=["one"])
    assert counts(compared) == {}
    assert counts(compared, blind=True) == {"sheep": (0, 0, 0, 1, 0), "wolf": (0, 0, 0, 0, 1)}
    assert [frame.unseen for frame in compared.frames] == [True, False]
    summary = compared.summary
    assert (summary.unseen_agreement.frames, summary.unseen_agreement.f1) == (1, 1.0)
    assert summary.unlabelled_blind == 1
    assert "no shown frames" in summary.bias.verdict
    assert "1 were chosen by the model, and sent without its boxes" in explained(summary)


def test_a_comparison_of_before_is_still_read(tmp_path: Path) -> None:
    prelabels = sent(tmp_path / "sent", {"a": found(SHEEP)})
    compared = compare_labels(returned(tmp_path, {"a.png": [SHEEP]}), {"one": prelabels})
    written = compared.model_dump(mode="json")
    del written["summary"]["unseen_agreement"]
    for frame in written["frames"]:
        del frame["unseen"]
    assert Corrections.model_validate(written) == compared


def test_a_shown_frame_without_labels_has_all_boxes_deleted(tmp_path: Path) -> None:
    prelabels = sent(tmp_path / "sent", {"a": found(SHEEP), "b": found(WOLF)})
    labels: Labels = {"a.png": [SHEEP], "b.png": []}
    compared = compare_labels(returned(tmp_path, labels), {"one": prelabels})
    assert counts(compared) == {"sheep": (1, 0, 0, 0, 0), "wolf": (0, 0, 0, 1, 0)}


@pytest.mark.parametrize("has_prelabels", [True, False])
def test_a_batch_that_was_never_prelabelled_says_so(tmp_path: Path, has_prelabels: bool) -> None:
    prelabels = {"one": sent(tmp_path / "sent", {"z": found(SHEEP)})} if has_prelabels else {}
    compared = compare_labels(returned(tmp_path, {"a.png": [SHEEP]}), prelabels)
    assert compared.frames == ()
    assert compared.summary.other_frames == 1
    assert compared.summary.batches == ()
    assert explained(compared.summary).startswith("No frame of this batch was pre-labelled")
    assert "saved again with a loss, as JPEG" in explained(compared.summary)
    assert corrections_svg(compared.summary) is None


def test_of_several_batches_the_one_that_shares_most_frames_is_taken(tmp_path: Path) -> None:
    prelabels = {
        "big": sent(tmp_path / "big", {"a": found(SHEEP), "b": found(WOLF)}),
        "small": sent(tmp_path / "small", {"a": found(WOLF)}),
    }
    labels = {"a.png": [SHEEP], "b.png": [WOLF]}
    compared = compare_labels(returned(tmp_path, labels), prelabels)
    assert {frame.batch for frame in compared.frames} == {"big"}
    assert counts(compared) == {"sheep": (1, 0, 0, 0, 0), "wolf": (1, 0, 0, 0, 0)}


def test_of_batches_that_share_as_many_frames_the_last_one_is_taken(tmp_path: Path) -> None:
    prelabels = {
        name: sent(tmp_path / name, {"a": found(SHEEP)}) for name in ("first", "third", "second")
    }
    compared = compare_labels(returned(tmp_path, {"a.png": [SHEEP]}), prelabels)
    assert [frame.batch for frame in compared.frames] == ["third"]


def test_an_image_that_came_back_twice_counts_once(tmp_path: Path) -> None:
    prelabels = sent(tmp_path / "sent", {"a": found(SHEEP)})
    labels = {"x/a.png": [SHEEP], "y/a.png": [WOLF]}
    compared = compare_labels(returned(tmp_path, labels), {"one": prelabels})
    assert [frame.place for frame in compared.frames] == ["x/a.png"]
    assert compared.summary.doubles == 1


def test_classes_and_sizes_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    prelabels = sent(tmp_path / "sent", {"a": found(SHEEP), "b": found(WOLF)})
    dragon = Prelabel(class_name="dragon", box=WOLF.box, score=0.5)
    first, second = prelabels.frames
    odd = prelabels.model_copy(
        update={
            "frames": (
                first.model_copy(update={"boxes": (*first.boxes, dragon)}),
                second.model_copy(update={"width": 32, "height": 24}),
            )
        }
    )
    labels = {"a.png": [SHEEP], "b.png": [WOLF]}
    compared = compare_labels(returned(tmp_path, labels), {"one": odd})
    assert counts(compared) == {"sheep": (1, 0, 0, 0, 0)}
    assert compared.summary.unknown_classes == ("dragon",)
    assert "Boxes of dragon are left out" in explained(compared.summary)
    assert compared.summary.other_frames == 1


def test_the_artifact_is_read_as_it_was_written(tmp_path: Path) -> None:
    prelabels = sent(tmp_path / "sent", {"a": found(SHEEP)})
    compared = compare_labels(returned(tmp_path, {"a.png": [WOLF]}), {"one": prelabels})
    LabelCorrections.write(tmp_path, compared)
    assert LabelCorrections.open(tmp_path).content == compared
    assert LabelCorrections.is_in(tmp_path)
    (tmp_path / "corrections.json").write_text("{")
    with pytest.raises(LabelCorrectionsError, match="Materialize label_corrections"):
        LabelCorrections.open(tmp_path)


boxes = st.builds(
    lambda class_id, x, y, width, height: LabelledBox(class_id, Box(x, y, x + width, y + height)),
    st.integers(0, 1),
    *(st.integers(0, 20) for _ in range(2)),
    *(st.integers(1, 20) for _ in range(2)),
)


def frame_of(labels: Sequence[LabelledBox], model: Sequence[LabelledBox]) -> ReturnedFrame:
    prelabels = tuple(
        Prelabel(class_name=NAMES[class_id], box=box, score=0.5) for class_id, box in model
    )
    frame = Frame("a.png", "images/a.png", *SIZE, "0" * 64, "0" * 16, tuple(labels))
    before = PrelabelledFrame(
        name="a.png", sha256="0" * 64, width=SIZE[0], height=SIZE[1], boxes=prelabels
    )
    return ReturnedFrame(frame, "one", before, is_labelled=True)


@settings(deadline=None)
@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6))
def test_every_box_and_label_is_accounted_for(
    labels: list[LabelledBox], model: list[LabelledBox]
) -> None:
    frame = correct_frame(frame_of(labels, model), NAMES)
    rows = class_corrections([frame], NAMES)
    all_rows = totals(rows)
    assert all_rows.found == len(model)
    assert all_rows.kept + all_rows.moved + all_rows.relabelled + all_rows.added == len(labels)
    for row in rows:
        assert row.found == sum(NAMES[one.class_id] == row.class_name for one in model)
    hits, false, missed = frame.counts
    assert hits + false == len(model)
    assert hits + missed == len(labels)


@settings(deadline=None)
@given(st.lists(boxes, max_size=6))
def test_labels_that_are_the_boxes_are_all_kept(model: list[LabelledBox]) -> None:
    frame = correct_frame(frame_of(list(reversed(model)), model), NAMES)
    assert totals(class_corrections([frame], NAMES)).kept == len(model)


def test_a_bias_is_told_from_chance() -> None:
    right = correct_frame(frame_of([SHEEP], [SHEEP]), NAMES)
    wrong = correct_frame(frame_of([SHEEP], [WOLF]), NAMES)
    shown, blind = [right] * 28 + [wrong] * 2, [right] * 10 + [wrong] * 10
    bias = bias_of(shown, blind)
    assert bias.difference == pytest.approx(28 / 30 - 0.5, abs=1e-4)
    assert bias.interval is not None
    assert 0 < bias.interval.low < bias.difference < bias.interval.high
    assert bias.verdict == "people agree more with a model whose boxes they see"
    assert bias_of(blind, blind).verdict == "not distinguishable from none"
    assert "less" in bias_of(blind, shown).verdict
    assert "no blind frames" in bias_of(shown, []).verdict
    assert agreement_of(shown).interval is not None
    assert agreement_of([right] * 3).interval is None


def test_the_plot_has_a_bar_for_each_class_and_escapes_names() -> None:
    frames = [correct_frame(frame_of([SHEEP], [SHEEP, WOLF]), NAMES)]
    names = {"sheep": "a<b", "wolf": "w" * 40}
    rows = [
        row.model_copy(update={"class_name": names[row.class_name]})
        for row in class_corrections(frames, NAMES)
    ]
    svg = corrections_svg(summary_of(rows))
    assert svg is not None
    assert "a&lt;b" in svg
    assert "w" * 40 not in svg
    assert svg.count("<text") == 1 + 5 + 3 * 3


def test_the_plot_has_the_classes_with_most_boxes_the_largest_first() -> None:
    rows = [ClassCorrections(class_name=f"class{n:02d}", kept=n, added=1) for n in range(30)]
    svg = corrections_svg(summary_of(rows))
    assert svg is not None
    assert re.findall(r">(class\d+)<", svg) == [f"class{n:02d}" for n in range(29, 5, -1)]


def test_all_classes_together_overlap_as_their_boxes_do() -> None:
    rows = [
        ClassCorrections(class_name="sheep", moved=3, moved_overlap=0.6),
        ClassCorrections(class_name="wolf", moved=1, moved_overlap=0.8),
        ClassCorrections(class_name="dragon", kept=5),
    ]
    assert totals(rows).moved_overlap == pytest.approx(0.65)
    assert totals(rows[2:]).moved_overlap is None


def summary_of(rows: Sequence[ClassCorrections]) -> CorrectionSummary:
    nothing = Agreement(frames=1, boxes=2, labels=1)
    return CorrectionSummary(
        batches=(),
        models=(),
        shown=tuple(rows),
        blind=(),
        shown_agreement=nothing,
        blind_agreement=nothing,
        bias=Bias(verdict=""),
        other_frames=0,
        doubles=0,
        unlabelled_blind=0,
        unknown_classes=(),
    )
