"""The guard: the policy core inside a Python process, under the official `anthropic` SDK.

    guarding.py    `tidegate.guard(client)`: what is refused at once, settings, the client that comes back
    caller.py      `tidegate.caller`, `tidegate.bind`: who asks
    friendly.py    `tidegate.friendly(error)`: what people read
    transport.py   the place of the guard: under the SDK, above the network
    asking.py      from an HTTP request to a Call
    sending.py     the Upstream of the Gate: the client's own transport
    engine.py      one Gate, store and ledger per process and settings; forks; the end of the process
    keeper.py      the chores of every second, and streams that nobody closed

Importing this package loads neither the SDK nor its HTTP library: whoever has a client has loaded both.
"""
