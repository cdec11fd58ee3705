"""Names that the policies' program shares with those who follow it."""

from __future__ import annotations

SESSIONS_FOLDER = "sessions"
POLICIES_FOLDER = "policies"
