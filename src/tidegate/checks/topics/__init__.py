"""The checks: one topic a file, each check a pure function over the frozen view of a project."""
