"""The ledgers by the scheme of their URL."""

from tidegate.ledgers.sqlite import SqliteLedger

LEDGERS = {"sqlite": SqliteLedger}
