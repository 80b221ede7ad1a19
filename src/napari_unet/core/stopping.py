"""How work that somebody asked to stop is given up."""

from __future__ import annotations


class Stopped(Exception):
    """Somebody asked to stop; nothing is left of what was under way."""
