"""The exit codes of every command."""

OK = 0
FAILED = 1
"""What was asked for could not be done: the file is locked, the disk is full, a process died."""

USAGE = 2
"""The command line or the configuration is wrong; trying again without a change is pointless."""

NOT_FOUND = 3
"""What was named does not exist: no key of that id, no ledger at that place."""

INTERRUPTED = 130
"""Ended by Ctrl-C, as shells have it: 128 + SIGINT."""
