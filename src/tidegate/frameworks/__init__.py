"""Web frameworks: who asks, and what people read, in an application that uses a guarded client.

    starlette.py   Starlette and FastAPI: a middleware, and a relay for streams
    flask.py       Flask: `install(app)`, and a relay
    django.py      Django, sync and async: a middleware, and a relay
    asking.py      from the application's own function to a caller
    shown.py       from an exception to the reply that a person reads
    accepting.py   whether that reply is a page or JSON
    answers.py     from a message to its text, where there is one
    relaying.py    from a stream of the SDK to server-sent events

Each framework is imported by its own module alone.  What this package itself has needs none, for workers and scripts.
"""

from tidegate.doors.guard.friendly import of_a_call
from tidegate.frameworks.answers import NoAnswer, text_of
from tidegate.frameworks.shown import explain

__all__ = ["NoAnswer", "explain", "of_a_call", "text_of"]
