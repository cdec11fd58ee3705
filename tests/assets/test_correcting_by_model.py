"""`outpost play correct --model`: a model is asked, paid for once, and whatever it says is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.chat import KEY, MODEL, Chat, content, good
from doubles.servers import drop, fine
from typer.testing import CliRunner

from assets.cli.app import app
from assets.operations.playing import corrected_policies
from assets.operations.playing.corrected_policies import QuestionPreview
from pipeline.play.corrections import correcting
from pipeline.play.corrections.correcting import CorrectedPolicies
from pipeline.play.corrections.lines import KnownEntity, State, load_corrections
from pipeline.play.demonstrations import demonstrate
from pipeline.play.policies import judging
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.settings import CloneSettings, RoleSettings
from resources.chat import client as chat_client

STATES = [
    State(
        tick=tick, stock=0, score=0,
        entities=(KnownEntity(id=8, kind="KEEP", owner="self", x=1, y=2, hit_points=500),),
    )
    for tick in range(4)
]  # fmt: skip


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Chat]:
    double = Chat()
    monkeypatch.setenv("CHAT_KEY", KEY)
    monkeypatch.setattr(chat_client, "FIRST_PAUSE", 0.01)
    monkeypatch.chdir(tmp_path)
    yield double
    double.close()


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of games, four moments are asked about."""

    def corrected(*arguments):
        for state in STATES:
            arguments[2].correct(state, "FIGHT", None)
        return CorrectedPolicies.model_construct(answers=arguments[2].counts)

    monkeypatch.setattr(corrected_policies, "correct_policies", corrected)


def outpost(chat: Chat, *words: str):
    address = ["--model", MODEL, "--base-url", chat.url, "--key-variable", "CHAT_KEY"]
    arguments = ["play", "correct", "policies", *address, "--a-minute", "60000", *words]
    return CliRunner().invoke(app, arguments)


def kept(name: str = "corrections.answers.jsonl") -> list[str]:
    return Path(name).read_text("utf-8").splitlines()


@pytest.mark.usefixtures("asking")
def test_answers_and_lines_are_kept_and_counted(chat: Chat) -> None:
    chat.answers = [good("FLEE"), good("FIGHT"), content("No."), good("LOOT")]
    done = outpost(chat, "--json")
    assert done.exit_code == 0, done.output
    told = " ".join(done.stderr.split())
    assert "judge-1: 4 requests, 0 questions answered before; 2 objections, 1 agreements" in told
    assert "1 answers of no use" in told
    assert "of no use, answer: holds no object of JSON: 1" in told
    assert json.loads(done.stdout)["answers"]["question_tokens"] == 3600
    assert len(kept()) == 4
    lines = load_corrections([Path("corrections.jsonl")])
    assert [one.correction for one in lines] == ["FLEE", "LOOT"]
    assert KEY not in done.output + "".join(kept())

    again = outpost(chat, "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["answers"]["remembered"] == 4
    assert chat.count("ask") == 4


@pytest.mark.usefixtures("asking")
def test_what_was_answered_before_a_failure_is_kept_and_gone_on_with(chat: Chat) -> None:
    chat.script("ask", fine(), fine(), *[drop()] * 5)
    failed = outpost(chat)
    assert failed.exit_code == 1
    assert "cannot be reached" in failed.stderr
    assert "2 objections" in failed.stderr
    assert (len(kept()), len(load_corrections([Path("corrections.jsonl")]))) == (2, 2)
    done = outpost(chat, "--json")
    assert json.loads(done.stdout)["answers"]["remembered"] == 2
    assert (len(kept()), len(load_corrections([Path("corrections.jsonl")]))) == (4, 4)


def test_what_was_answered_before_an_interrupt_is_kept(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments):
        arguments[2].correct(STATES[0], "FIGHT", None)
        raise KeyboardInterrupt

    monkeypatch.setattr(corrected_policies, "correct_policies", interrupted)
    done = outpost(chat)
    assert done.exit_code == 130
    assert "run the command again to go on" in " ".join(done.stderr.split())
    assert "1 objections" in done.stderr
    assert (len(kept()), len(load_corrections([Path("corrections.jsonl")]))) == (1, 1)


@pytest.mark.usefixtures("asking")
def test_corrections_of_somebody_else_stay_as_they_are(chat: Chat) -> None:
    Path("corrections.jsonl").write_text("mine")
    done = outpost(chat)
    assert done.exit_code == 1
    assert "There are corrections in corrections.jsonl already" in done.stderr
    assert Path("corrections.jsonl").read_text() == "mine"
    assert chat.requests == []


@pytest.mark.usefixtures("asking")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--key-variable", "NO_SUCH_KEY"], "NO_SUCH_KEY holds no API key"),
        (["--base-url", "localhost:11434"], "cannot be the base URL"),
        (["--model", "judge-7"], "knows no model 'judge-7'"),
        (["--written", "taken/lines.jsonl"], "lines.answers.jsonl cannot be written"),
        (["--games", "5000"], "5000 games are too many"),
        (["--written", "."], "it is a folder"),
        (["--written", "/", "--dry-run"], "it is a folder"),
    ],
)
def test_bad_input_is_explained_and_leaves_nothing(chat: Chat, words: list[str], says: str) -> None:
    Path("taken").write_text("a file")
    done = outpost(chat, *words)
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
    assert "What to do:" in done.stderr
    assert [file.name for file in Path().iterdir()] == ["taken"]


@pytest.mark.parametrize(
    "words",
    [["--model", " "], ["--model", "a", "--lines", "b"], ["--frames"], ["--dry-run"]],
)
def test_options_that_do_not_go_together_are_refused(words: list[str]) -> None:
    done = CliRunner().invoke(app, ["play", "correct", *words])
    assert done.exit_code == 2
    assert "--lines or a --model" in done.stderr


@pytest.mark.usefixtures("chat")
def test_a_question_is_shown_with_what_all_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    preview = QuestionPreview("You judge.", "Which goal?", True, 950, 290, 10, 400_000, 580_000)
    monkeypatch.setattr(corrected_policies, "preview_questions", lambda *_: preview)
    done = CliRunner().invoke(app, ["play", "correct", "--model", MODEL, "--dry-run"])
    told = " ".join(done.stdout.split())
    assert told.startswith("You judge. Which goal? With it goes an image")
    assert "290 requests, of 950 moments in which a goal was chosen; 10 more questions" in told
    assert "About 400000 tokens to ask, and at most 580000 to answer. Nothing was sent." in told


@pytest.mark.slow
def test_policies_are_corrected_by_a_model_that_sees_frames(
    chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correcting, "_check_return", lambda _done: None)
    monkeypatch.setattr(judging, "MAX_TICKS", 600)
    role = RoleSettings(epochs=1, batch=256, learning_rate=1e-3)
    settings = CloneSettings(
        strategist=role, tactician=role, executor=role, width=8, layers=1, heads=2
    )
    clone(demonstrate("scripted_l5", "scripted_l3", range(7, 9)), settings, tmp_path / "policies")
    play = ["--games", "2", "--opponent", "scripted_l1", "--steps", "20", "--frames"]
    play += ["--questions", "8"]

    monkeypatch.delenv("CHAT_KEY")
    shown = outpost(chat, *play, "--dry-run", "--json")
    assert shown.exit_code == 0, shown.output
    preview = json.loads(shown.stdout)
    assert (preview["requests"], preview["answered"], preview["frames"]) == (8, 0, True)
    assert preview["answer_tokens"] == 8 * 2000
    assert "Which goal is right?" in preview["question"]
    assert chat.requests == []
    assert [file.name for file in tmp_path.iterdir()] == ["policies"]

    monkeypatch.setenv("CHAT_KEY", KEY)
    chat.answers = [good("CAUTIOUS"), good("LOOT"), good("CAUTIOUS")]
    done = outpost(chat, *play, "--json")
    assert done.exit_code == 0, done.output
    corrected = json.loads(done.stdout)
    assert corrected["answers"]["requests"] == 8
    asked = [body["messages"][1]["content"] for body in chat.bodies]
    assert {len(parts) for parts in asked} == {2}
    assert preview["question"] in [parts[0]["text"] for parts in asked]
    assert (tmp_path / "policies-corrected" / "corrected.json").is_file()

    again = outpost(chat, *play, "--out", "again", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["lines"] == corrected["lines"]
    assert chat.count("ask") == 8
