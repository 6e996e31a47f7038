"""What runs as root stays small, and has nothing to do with what daemons say."""

import ast
import io
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "templates" / "host" / "root"
PARTS = sorted(ROOT.glob("*.py"))


def code_lines(text: str) -> int:
    """Lines that are neither empty nor a comment nor part of a docstring."""
    tree = ast.parse(text)
    told: set[int] = set()
    for each in ast.walk(tree):
        if isinstance(each, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(each) is not None:
            told |= {*range(each.body[0].lineno, (each.body[0].end_lineno or 0) + 1)}
    nothing = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            lines |= {*range(token.start[0], token.end[0] + 1)}
    return len(lines - told)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('"""Said."""\n\n# more\nx = 1\n', 1),
        ('def f() -> None:\n    """Said\n\n    more."""\n    g(\n        1\n    )\n', 4),
    ],
)
def test_what_counts(text: str, count: int) -> None:
    """A statement over three lines has three."""
    assert code_lines(text) == count


def test_it_is_short() -> None:
    """Somebody who is to let it run as root reads it in one sitting."""
    assert PARTS != []
    assert sum(code_lines(part.read_text()) for part in PARTS) < 500


def test_it_imports_the_standard_library_alone() -> None:
    """So no parser of what daemons reply."""
    imported: set[str] = set()
    for part in PARTS:
        for each in ast.walk(ast.parse(part.read_text())):
            if isinstance(each, ast.Import):
                imported |= {alias.name for alias in each.names}
            elif isinstance(each, ast.ImportFrom):
                imported.add(f"{'.' * each.level}{each.module}")
    assert imported != set()
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
