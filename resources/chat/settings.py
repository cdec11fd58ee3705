"""Which model is asked, where, and what that may cost."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import OutpostError
from resources.services.base_urls import is_base_url, may_get_a_key

OPENAI = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
"""As OpenAI's own package calls it."""
COMPLETIONS = "/chat/completions"


class ChatModelError(OutpostError):
    """A language model that cannot be asked, or whose answers are of no use."""


class ChatSettings(BaseModel):
    """A model behind chat completions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, description="Its name, as the service has it.")
    base_url: str = Field(OPENAI, description="Of the service, up to /chat/completions.")
    key_variable: str | None = Field(
        None,
        description="Environment variable with the API key. OPENAI_API_KEY for OpenAI's own "
        "address and none for any other, so that no key reaches somebody else.",
    )
    requests_a_minute: float = Field(60.0, gt=0, le=60_000)
    timeout: float = Field(120.0, gt=0, le=3600, description="Seconds for one answer.")
    attempts: int = Field(5, ge=1, le=20, description="Of a request that gets no answer.")
    longest_wait: float = Field(
        120.0, ge=0, description="Seconds that a service may ask to be left alone for."
    )
    answer_tokens: int = Field(
        2000, ge=50, le=100_000, description="Most of an answer, what a model thinks included."
    )
    most_requests: int = Field(300, ge=1, le=100_000, description="In one run.")
    most_tokens: int = Field(
        1_000_000, ge=1, description="In one run, of questions and answers together."
    )

    @property
    def url(self) -> str:
        """Where questions are sent.

        Raises:
            ChatModelError: the base URL is none, or would send a key unencrypted over a network.
        """
        base = self.base_url.strip().rstrip("/").removesuffix(COMPLETIONS)
        if not is_base_url(base):  # Before anything else looks into it.
            raise ChatModelError(
                f"{self.base_url!r} cannot be the base URL of a model.",
                "Write it as https://host/v1, without user, query or anything after it.",
            )
        if self._key_variable is not None and not may_get_a_key(base):
            raise ChatModelError(
                f"{self.base_url!r} would be sent the key of {self._key_variable} unencrypted.",
                "Use https, or name no variable with a key for a server that needs none.",
            )
        return base + COMPLETIONS

    def key(self) -> str | None:
        """The API key, read anew each time; None where none is sent.

        Raises:
            ChatModelError: the variable is not set, or holds what cannot be a key. It is not
                quoted.
        """
        if self._key_variable is None:
            return None
        key = os.environ.get(self._key_variable, "").strip()
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise ChatModelError(
                f"The environment variable {self._key_variable} holds no API key.",
                "Set it to the key that the vendor's page shows, or name another variable: "
                "--key-variable.",
            )
        return key

    @property
    def _key_variable(self) -> str | None:
        is_openai = urlsplit(self.base_url.strip()).hostname == urlsplit(OPENAI).hostname
        return self.key_variable or (KEY_VARIABLE if is_openai else None)
