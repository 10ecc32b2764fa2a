"""What can be wrong with a source file that should be read."""


class UnreadError(Exception):
    """A file that cannot be read as a program; its text says why, in a few words."""
