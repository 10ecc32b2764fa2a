from importlib import import_module

key_of = import_module("keys").key_of
storage = import_module("keys").storage
load_routes = import_module("routes").load
