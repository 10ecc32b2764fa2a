"""The pre-launch checklist: what can be verified about a program that uses Claude, before people do."""
