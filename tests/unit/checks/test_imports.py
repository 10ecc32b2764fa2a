"""Which files of a project an import may lead to, told from bytes."""

import pytest

from tidegate.checks.files.imports import Imports

FILES = (
    *("main.py", "types.py", "app/__init__.py", "app/llm.py", "app/types.py", "app/core/__init__.py"),
    *("app/core/config.py", "service/config.py", "web/lib/llm.ts", "web/lib/index.ts", "web/lib/utils.tsx"),
    *("web/app/api/chat/route.ts", "web/utils.js", "packages/claude/index.ts", "other/lib/llm.ts"),
)


def found(importer: str, text: str) -> set[str]:
    sources = dict.fromkeys(FILES, b"") | {importer: text.encode()}
    return set(Imports(sources).of(importer))


@pytest.mark.parametrize(
    ("importer", "text", "files"),
    [
        ("x.py", "import main", {"main.py"}),
        ("x.py", "import app.llm as l, main", {"app/llm.py", "main.py"}),
        ("x.py", "from app.llm import ask", {"app/llm.py"}),
        ("x.py", "from app import llm, core", {"app/__init__.py", "app/llm.py", "app/core/__init__.py"}),
        ("x.py", "from app import (\n  llm,  # ours\n  core as c,\n)", {
            "app/__init__.py", "app/llm.py", "app/core/__init__.py",
        }),
        ("app/x.py", "from .core.config import X", {"app/core/config.py"}),
        ("app/x.py", "from . import llm", {"app/__init__.py", "app/llm.py"}),
        ("app/core/x.py", "from ..llm import ask", {"app/llm.py"}),
        ("app/core/x.py", "def f():\n    from .config import X", {"app/core/config.py"}),
        ("x.py", "import types", {"types.py"}),
        ("x.py", "import config", {"service/config.py"}),
        ("x.py", "from shop.app.llm import ask", {"app/llm.py"}),
        ("x.py", "from typing import Any\nimport json", set()),
        ("x.py", "from lib import llm", set()),
    ],
)  # fmt: skip
def test_python(importer: str, text: str, files: set[str]) -> None:
    assert found(importer, text) == files


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("import { ask } from './llm'", {"web/lib/llm.ts"}),
        ("import { ask } from './llm.js'", {"web/lib/llm.ts"}),
        ("const x = require('../utils')", {"web/utils.js"}),
        ("export * from '.'", {"web/lib/index.ts"}),
        ("import '../lib'", {"web/lib/index.ts"}),
        ("const a = await import('../app/api/chat/route')", {"web/app/api/chat/route.ts"}),
        ("import { ask } from '@/lib/llm'", {"web/lib/llm.ts", "other/lib/llm.ts"}),
        ("import { ask } from '~/lib/utils'", {"web/lib/utils.tsx"}),
        ("import { ask } from '$lib/llm'", {"web/lib/llm.ts", "other/lib/llm.ts"}),
        ("import { ask } from '@acme/claude'", {"packages/claude/index.ts"}),
        ("import { x } from 'utils'", set()),
        ("import React from 'react'", set()),
    ],
)
def test_scripts(text: str, files: set[str]) -> None:
    assert found("web/lib/x.ts", text) == files
