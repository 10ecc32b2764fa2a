"""The eleven points of the checklist: what must be true before people use a program that uses Claude."""

from typing import Final

POINTS: Final = {
    1: "The API key comes from the environment, not from code",
    2: "The key was never committed, and .env files are ignored",
    3: "Requests are retried with exponential backoff",
    4: "Each user is limited before Claude is asked",
    5: "Requests are bounded: max_tokens is realistic, loops end",
    6: "A spend limit is set in the Claude Console",
    7: "Token usage is recorded for every request",
    8: "Users see friendly words, never raw API errors",
    9: "The program copes with a Claude that is down or refuses",
    10: "It was tested with the production environment",
    11: "Logs hold no message content",
}
"""By number; the checks of point 5 are TG501, TG502…"""
