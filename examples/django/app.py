"""An API on Django in one file: sync and async views, streams, a limit for each user, errors that people can read."""

import os

import anthropic
from django.conf import settings
from django.core import signing
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

import tidegate
from tidegate.frameworks.django import relay, text_of


def user_of(request: HttpRequest) -> str | None:
    """Who asks: whoever the token was made for."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        user: str = signing.loads(token, max_age=24 * 3600)
    except signing.BadSignature:
        return None
    return user


settings.configure(
    SECRET_KEY=os.environ["SESSION_SECRET"],
    ALLOWED_HOSTS=os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1").split(","),
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["tidegate.frameworks.django.TidegateMiddleware"],
    TIDEGATE={"user": user_of},
    LOGGING={  # one line for each call: who, tokens, cost; never what was said
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"], "level": "INFO"},
    },
)

# The key comes from ANTHROPIC_API_KEY; limits, budgets and retries come from tidegate.toml.
TIMEOUT = float(os.environ.get("CLAUDE_TIMEOUT", "60"))
claude = tidegate.guard(anthropic.Anthropic(timeout=TIMEOUT))
async_claude = tidegate.guard(anthropic.AsyncAnthropic(timeout=TIMEOUT))


def messages(request: HttpRequest) -> list[anthropic.types.MessageParam]:
    """What Claude is asked; it refuses to be asked nothing, and the user is told so kindly."""
    return [{"role": "user", "content": request.POST.get("text", "")}]


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Stands for your own way to sign people in; the token is signed, so nobody can be somebody else."""
    return JsonResponse({"token": signing.dumps(request.POST.get("name") or "nobody")})


@require_POST
@tidegate.caller(route="chat")
def chat(request: HttpRequest) -> HttpResponse:
    """The whole answer, from a plain view."""
    message = claude.messages.create(model="claude-haiku-4-5", max_tokens=512, messages=messages(request))
    return JsonResponse({"text": text_of(message)})


@require_POST
@tidegate.caller(route="chat")
def chat_stream(request: HttpRequest) -> StreamingHttpResponse:
    """The answer while it is being written, from a plain view: under WSGI as well as ASGI."""
    return relay(
        claude.messages.create(model="claude-haiku-4-5", max_tokens=512, messages=messages(request), stream=True)
    )


@require_POST
@tidegate.caller(route="chat")
async def async_chat(request: HttpRequest) -> HttpResponse:
    """The whole answer, from an async view."""
    message = await async_claude.messages.create(model="claude-haiku-4-5", max_tokens=512, messages=messages(request))
    return JsonResponse({"text": text_of(message)})


@require_POST
@tidegate.caller(route="chat")
async def async_chat_stream(request: HttpRequest) -> StreamingHttpResponse:
    """The answer while it is being written, from an async view: under ASGI."""
    stream = await async_claude.messages.create(
        model="claude-haiku-4-5", max_tokens=512, messages=messages(request), stream=True
    )
    return relay(stream)


urlpatterns = [
    path("sign-in", sign_in),
    path("chat", chat),
    path("chat/stream", chat_stream),
    path("async/chat", async_chat),
    path("async/chat/stream", async_chat_stream),
]
application = get_asgi_application()

if __name__ == "__main__":
    execute_from_command_line()
