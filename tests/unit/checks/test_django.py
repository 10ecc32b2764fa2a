"""Middleware that Django's settings name by a text: it is found, read and judged."""

from pathlib import Path

import pytest

from tidegate.checks.facts.limiters import find_limiters
from tidegate.checks.verdict import State
from unit.checks.programs import program, verdicts

SETTINGS = """
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "shop.quota.PerUser",
]
"""
QUOTA = """
from django.core.cache import cache
from django.http import JsonResponse

class PerUser:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if cache.incr(f"count:{request.user.pk}") > 20:
            return JsonResponse({"error": "Please wait a minute."}, status=429)
        return self.get_response(request)
"""
VIEWS = """
import anthropic
from django.http import JsonResponse

client = anthropic.Anthropic()

def ask(request):
    message = client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": request.POST["q"]}])
    return JsonResponse({"text": message.content[0].text})
"""
FILES = {"shop/__init__.py": "", "shop/settings.py": SETTINGS, "shop/quota.py": QUOTA, "shop/views.py": VIEWS}


def test_what_the_settings_name_is_read_though_nothing_imports_it(tmp_path: Path) -> None:
    assert verdicts(tmp_path, "TG401", FILES) == []


def test_what_they_do_not_name_limits_nobody(tmp_path: Path) -> None:
    files = {**FILES, "shop/settings.py": SETTINGS.replace('    "shop.quota.PerUser",\n', "")}
    assert [one.state for one in verdicts(tmp_path, "TG401", files)] == [State.FAIL]


def test_what_is_not_there_limits_nobody(tmp_path: Path) -> None:
    files = {**FILES, "shop/settings.py": SETTINGS.replace("quota", "quotas")}
    assert [one.state for one in verdicts(tmp_path, "TG401", files)] == [State.FAIL]


@pytest.mark.parametrize(
    ("more", "whom"),
    [
        ("", "address"),
        ("RATELIMIT_MIDDLEWARE = {'KEY_FUNCTION': 'shop.keys.by_user'}", "user"),
        ("RATELIMIT_MIDDLEWARE = {'KEY_FUNCTION': 'django_smart_ratelimit.key_functions.get_ip_key'}", "address"),
    ],
)
def test_whom_a_library_counts(more: str, whom: str) -> None:
    made = program({"settings.py": f"MIDDLEWARE = ['django_smart_ratelimit.middleware.RateLimitMiddleware']\n{more}"})
    (found,) = find_limiters(made)
    assert (found.name, found.whom) == ("django-smart-ratelimit", whom)
