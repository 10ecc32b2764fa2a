"""The guard: the policy core inside a Python process, under the official `anthropic` SDK.

    guarding.py    `tidegate.guard(client)`: what is refused at once, and the settings
    wrapping.py    the client that comes back
    caller.py      `tidegate.caller`, `tidegate.bind`: who asks
    friendly.py    `tidegate.friendly(error)`: what people read
    transport.py   the place of the guard: under the SDK, above the network
    paths.py       what the guard does with a path
    asking.py      from an HTTP request to a Call
    sending.py     the Upstream of the Gate: the client's own transport
    ways.py        what differs between a thread and an event loop
    steps.py       how an event loop awaits a stream, so that it ends quietly
    engine.py      one Gate, store and ledger per process and settings; forks; the end of the process
    keeper.py      the chores of every second, and streams that nobody closed
    books.py, retries.py, per_thread.py    what the core leaves to one thread, for many

Importing this package loads neither the SDK nor its HTTP library: whoever has a client has loaded both.
"""
