"""A folder of its own for each test, as for the guard; and Django, which has one configuration for a whole process."""

from django.conf import settings  # type: ignore[import-untyped]  # Django has no types

from unit.guard.conftest import folder

__all__ = ["folder"]

if not settings.configured:
    settings.configure(
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="unit.frameworks.urls",
        MIDDLEWARE=["tidegate.frameworks.django.TidegateMiddleware"],
        TIDEGATE={"user": "unit.frameworks.urls.who"},
    )
