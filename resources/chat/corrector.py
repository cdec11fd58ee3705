"""A language model that corrects the goals which a policy chooses."""

from __future__ import annotations

import hashlib
from collections import Counter

from pipeline.manifests import digest_of
from pipeline.play.corrections.correctors import AnswerCounts, Objection
from pipeline.play.corrections.lines import BadLine, GoalName, State
from pipeline.play.corrections.questions import (
    ANSWER_SCHEMA,
    INSTRUCTIONS,
    question_of,
    read_answer,
    request_tokens,
    tokens_of,
)
from resources.chat.answers import AnswerFile, KeptAnswer
from resources.chat.client import Answer, ChatClient, Question
from resources.chat.settings import ChatModelError, ChatSettings

MOST_UNUSABLE = 10
"""Answers of no use, one after the other, after which no more are paid for."""


def question_digest(model: str, text: str, frame: bytes | None) -> str:
    """The same for whatever is asked of the same model in the same words, with the same image."""
    image = None if frame is None else hashlib.sha256(frame).hexdigest()
    return digest_of([model, INSTRUCTIONS, ANSWER_SCHEMA, text, image])


class HostedCorrector:
    """See `pipeline.play.corrections.correctors.Corrector`.

    What has been asked before, of the same model in the same words, is answered from a file. When
    the budget is spent nobody is asked any more, and nothing is objected to.
    """

    def __init__(self, settings: ChatSettings, answers: AnswerFile) -> None:
        """The first question is the first request.

        Raises:
            ChatModelError: the address cannot be one, or there is no key.
        """
        self._settings = settings
        self._answers = answers
        self._client = ChatClient(settings)
        self._found: Counter[str] = Counter()
        self._problems: Counter[str] = Counter()
        self._tokens = Counter(question=0, answer=0)
        self._unusable_in_a_row = 0

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    @property
    def counts(self) -> AnswerCounts:
        """What has come of all questions so far."""
        return AnswerCounts(
            model=self._settings.model,
            requests=self._client.requests,
            remembered=self._found["remembered"],
            objections=self._found["objection"],
            agreements=self._found["agreement"],
            unusable=dict(sorted(self._problems.items())),
            unasked=self._found["unasked"],
            question_tokens=self._tokens["question"],
            answer_tokens=self._tokens["answer"],
        )

    def correct(
        self, state: State, action: GoalName, frame: bytes | None = None
    ) -> Objection | None:
        """Ask, or look up what was answered.

        Raises:
            ChatModelError: as `ChatClient.ask`; the last answers have all been of no use; or an
                answer cannot be kept.
        """
        text = question_of(state, action)
        key = question_digest(self._settings.model, text, frame)
        answer = self._answers.get(key)
        if answer is not None:
            self._found["remembered"] += 1
        elif self._is_spent:
            self._found["unasked"] += 1
            return None
        else:
            answer = self._asked(Question(INSTRUCTIONS, text, frame, ANSWER_SCHEMA), state, action)
            self._answers.add(answer)
            self._require_use(answer)
        return self._objection(answer)

    def _asked(self, question: Question, state: State, action: GoalName) -> KeptAnswer:
        given = self._client.ask(question)
        line, problem = None, given.problem
        if given.text is not None:
            read = read_answer(given.text, state, action)
            if isinstance(read, BadLine):
                problem = f"{read.field}: {read.problem}"
            elif read.correction != action:
                line = read
        asked, answered = self._counted(given, question)
        return KeptAnswer(
            question=question_digest(self._settings.model, question.text, question.image),
            model=self._settings.model,
            line=line,
            problem=problem,
            question_tokens=asked,
            answer_tokens=answered,
        )

    def _counted(self, given: Answer, question: Question) -> tuple[int, int]:
        """Tokens of a question and its answer; about, where the service does not say."""
        asked, answered = given.question_tokens, given.answer_tokens
        if asked is None:
            asked = request_tokens(question.text, question.image is not None)
        if answered is None:
            answered = tokens_of(given.text or "")
        self._tokens.update(question=asked, answer=answered)
        return asked, answered

    def _require_use(self, answer: KeptAnswer) -> None:
        self._unusable_in_a_row = self._unusable_in_a_row + 1 if answer.problem else 0
        if self._unusable_in_a_row >= MOST_UNUSABLE:
            raise ChatModelError(
                f"The last {MOST_UNUSABLE} answers of {self._settings.model} are of no use; the "
                f"last one because: {answer.problem}",
                "Choose another model, or leave it more --answer-tokens. To ask the same once "
                f"more, remove the last lines of {self._answers.file}.",
            )

    def _objection(self, answer: KeptAnswer) -> Objection | None:
        if answer.problem is not None:
            self._problems[answer.problem] += 1
            return None
        self._found["agreement" if answer.line is None else "objection"] += 1
        if answer.line is None:
            return None
        return Objection(answer.line.correction, answer.line.reason, answer.line.confidence)

    @property
    def _is_spent(self) -> bool:
        return (
            self._client.requests >= self._settings.most_requests
            or self._tokens.total() >= self._settings.most_tokens
        )
