"""Where secrets can come from: one line a source."""

from collections.abc import Callable, Mapping

from tidegate.secrets import env, file
from tidegate.secrets.secret import Secret

Source = Callable[[str, Mapping[str, str]], Secret]
"""Gets what stands behind `scheme://`, and the environment; raises ConfigError."""

SOURCES: Mapping[str, Source] = {
    "env": env.read,
    "file": file.read,
}

NOT_BUILT = (
    "anthropic-wif",
    "aws-sm",
    "aws-ssm",
    "azure-kv",
    "doppler",
    "dotenv",
    "exec",
    "gcp-sm",
    "infisical",
    "keyring",
    "op",
    "systemd",
    "vault",
)
"""Sources whose names are settled and whose code does not exist yet."""
