"""``make migration NAME=add_colours``: the next numbered migration, in the house's form."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def main(name: str, folder: Path = ROOT / "migrations") -> Path:
    """Write the file; return its path.

    Raises SystemExit when the name is not like ``add_colours``.
    """
    if not NAME.fullmatch(name):
        sys.exit(f"NAME is lower case words joined by _, such as add_colours, not {name!r}.")
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("truncate_slug_length", "80")
    scripts = ScriptDirectory.from_config(config)
    newest = max(int(path.name[:4]) for path in (folder / "versions").glob("[0-9]*.py"))
    made = scripts.generate_revision(f"{newest + 1:04}", name, head=scripts.get_current_head())
    if made is None:
        sys.exit("Alembic made no file.")
    return Path(made.path)


if __name__ == "__main__":
    print(main(sys.argv[1]).relative_to(ROOT))
