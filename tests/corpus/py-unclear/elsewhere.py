import importlib

limits = importlib.import_module("limits")
choose = importlib.import_module("choose").choose
is_transient = importlib.import_module("choose").is_transient
pauses = importlib.import_module("choose").pauses
