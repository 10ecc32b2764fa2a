"""What tests of applications that use Claude need: a fake Claude with its own books."""

from tidegate.fake.books import Row, Totals
from tidegate.testing.fake_claude import FakeClaude, FakeClaudeError

__all__ = ["FakeClaude", "FakeClaudeError", "Row", "Totals"]
