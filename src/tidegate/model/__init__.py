"""The words of tidegate as frozen values: calls, usage, money, facts, refusals, errors."""
