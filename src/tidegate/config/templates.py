"""The files that `tidegate init` writes: the texts lie beside this one."""

from importlib.resources import files


def template_toml() -> str:
    """A tidegate.toml whose comments explain every key; only a limit of requests a user is active in it."""
    return (files(__package__) / "template.toml").read_text("utf-8")


def template_env() -> str:
    """A `.env.example`: the names of the secrets, without values."""
    return (files(__package__) / "template.env").read_text("utf-8")
