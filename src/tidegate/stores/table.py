"""The stores by the scheme of their URL."""

from tidegate.stores.memory import MemoryStore
from tidegate.stores.sqlite import SqliteStore

STORES = {"memory": MemoryStore, "sqlite": SqliteStore}
