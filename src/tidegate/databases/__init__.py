"""Drivers that stores and ledgers share: a tiny executor a database, blocking and async."""
