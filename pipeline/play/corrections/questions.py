"""A moment as a question to a language model, and what its answer comes to.

A model is told how the game goes, what a player knew, and which goal a policy chose. It answers
with an object of JSON: why, the goal that is right (perhaps the same), and how sure it is. Vendors'
structured outputs bind it to ANSWER_SCHEMA; others are told of it in words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pipeline.demo_game.renderer import FRAME_HEIGHT, FRAME_WIDTH
from pipeline.play.corrections.lines import (
    GOALS,
    BadLine,
    Correction,
    GoalName,
    KnownEntity,
    State,
    checked_line,
    moments_of,
)
from pipeline.play.corrections.situations import NEVER_NEAR, situations_of
from pipeline.play.simulator.rules import FIGURES, MAP_SIDE, MAX_TICKS, TICKS_A_SECOND, Kind

LONGEST_REASON = 300
"""Characters that a model is asked for; a longer reason is cut off where a line would be."""
LONGEST_KEPT = 2000
LONGEST_ANSWER = 20_000
"""Characters that are looked at; an answer that is asked for has 400."""
CHARACTERS_A_TOKEN = 3
"""About, in text with many numbers; in prose it is four."""
PIXELS_A_TOKEN = 750
"""Of an image, as Anthropic states it for its models; others differ."""

INSTRUCTIONS = f"""\
You judge how a policy plays a small real-time strategy game, and say which goal is right.

The game: two players have a keep and eight units each: two workers, two swordsmen, two spearmen, a
rider, a warship. No more units ever come. Workers gather gold and berries and carry them to their
keep. Loot, whose kind is SHEEP, lies on the map and where units have fallen; any unit on land can
carry it home. Idle units heal beside their own keep, which also shoots at enemies near it. Spearmen
strike riders hard. Who has lost the keep or all units has lost the game; after \
{MAX_TICKS // TICKS_A_SECOND} seconds the
higher score wins: what was brought home, and the worth of what was destroyed.

Once a second the policy chooses one goal:
FIGHT: soldiers attack enemies that are in sight.
LOOT: workers gather, and units fetch loot and bring it home.
FLEE: a unit that is nearly dead goes home, away from enemies near it.
EXPLORE: soldiers look for the enemy, or workers for more to gather; nothing better is known.
CAUTIOUS: soldiers go home, because the enemies in sight are too strong for them.

You are told all that the player knows; nothing else may be assumed. Places are pixels of a map of
{MAP_SIDE} by {MAP_SIDE}, x to the right and y downwards. If the chosen goal is right or not clearly
worse than another one, answer with that goal.

Answer with one JSON object and nothing else:
{{"reason": "one sentence, at most {LONGEST_REASON} characters", "correction": one of \
{", ".join(f'"{goal}"' for goal in GOALS)}, "confidence": 0 to 1 that this goal is right}}"""

ANSWER_SCHEMA: dict[str, Any] = {
    # What all vendors' structured outputs know: neither lengths nor ranges are among it.
    "type": "object",
    "properties": {
        "reason": {"type": "string", "description": "One sentence."},
        "correction": {"type": "string", "enum": [*GOALS]},
        "confidence": {"type": "number", "description": "From 0 to 1."},
    },
    "required": ["reason", "correction", "confidence"],
    "additionalProperties": False,
}


def question_of(state: State, action: GoalName) -> str:
    """What a model is asked about a moment; the same for equal moments."""
    return "\n".join(_lines(state, action))


def read_answer(text: str, state: State, action: GoalName) -> Correction | BadLine:
    """What a model has answered, as a line that is checked like all others.

    Args:
        text: of the answer; an object of JSON, perhaps between other words.
    """
    given = _object_in(text)
    if given is None:
        return BadLine(1, "answer", "holds no object of JSON")
    line = {
        "state": state.model_dump(mode="json"),
        "action": action,
        "correction": _spelt(given.get("correction")),
        "reason": str(given.get("reason") or "")[:LONGEST_KEPT],
        "confidence": given.get("confidence"),
    }
    checked = checked_line(1, json.dumps(line).encode())
    assert checked is not None  # It is not empty.
    return checked


def tokens_of(text: str) -> int:
    """About how many tokens a model counts for a text."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


def request_tokens(question: str, has_frame: bool) -> int:
    """About how many tokens a model counts for a question, with all that goes with it."""
    pixels = FRAME_WIDTH * FRAME_HEIGHT if has_frame else 0
    return tokens_of(INSTRUCTIONS) + tokens_of(question) + -(-pixels // PIXELS_A_TOKEN)


def _lines(state: State, action: GoalName) -> Iterator[str]:
    seconds = state.tick / TICKS_A_SECOND
    yield f"{seconds:g} of {MAX_TICKS // TICKS_A_SECOND} seconds have been played."
    yield f"Brought home: {state.stock}. Score: {state.score}."
    yield from _summary(state, action)
    yield f"Last act: {_last_act(state)}"
    for owner, heading in (
        ("self", "Own:"), ("ally", "Allies:"), ("enemy", "Enemies:"), ("nobody", "Nobody's:"),
    ):  # fmt: skip
        theirs = [entity for entity in state.entities if entity.owner == owner]
        if theirs:
            yield heading
            yield from map(_entity, theirs)
    yield f"The policy chose: {action}. Which goal is right?"


def _summary(state: State, action: GoalName) -> Iterator[str]:
    """What the whole comes to, so that nobody need add up."""
    found = situations_of(moments_of([state], [action]))
    yield (
        f"Own soldiers on land: {found.soldiers[0]} with {found.strength[0]} hit points. "
        f"Enemies in sight that fight: {found.enemies[0]} hit points."
    )
    if found.from_home[0] < NEVER_NEAR:
        yield f"The soldiers are {found.from_home[0]} pixels from their keep."
    yield f"Own units that are nearly dead and near an enemy, away from home: {found.hurt[0]}."


def _last_act(state: State) -> str:
    deeds = state.deeds
    if deeds.act == "NOTHING":
        return "none yet."
    ago = f"{deeds.since / TICKS_A_SECOND:g} seconds ago."
    if deeds.act == "KEY":
        return f"key {deeds.key}, {ago}"
    click = "left click" if deeds.act == "SELECT" else "right click"
    where = f"{deeds.x},{deeds.y}" if deeds.entity < 0 else f"entity {deeds.entity}"
    return f"{click} on {where}, {ago}"


def _entity(entity: KnownEntity) -> str:
    full = FIGURES[Kind[entity.kind]].hit_points
    told = [f"{entity.id} {entity.kind} at {entity.x},{entity.y}"]
    if full:
        told.append(f"{entity.hit_points}/{full} hit points")
    if entity.carries:
        told.append(f"{'carries' if full else 'holds'} {entity.carries}")
    if entity.owner == "self" and entity.kind != "KEEP":
        told.append(entity.order)
    if entity.selected:
        told.append("selected")
    if entity.known == "remembered":
        told.append(f"seen {entity.age / TICKS_A_SECOND:g} seconds ago")
    return ", ".join(told)


def _object_in(text: str) -> dict[str, Any] | None:
    """The first object of JSON in a text that names a correction."""
    decoder = json.JSONDecoder()
    looked_at = text[:LONGEST_ANSWER]
    for start in re.finditer(r"\{", looked_at):
        try:
            found, _end = decoder.raw_decode(looked_at, start.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "correction" in found:
            return found
    return None


def _spelt(goal: object) -> object:
    """A goal as it is spelt here, whatever the case that a model gives it."""
    return goal.strip().upper() if isinstance(goal, str) else goal
