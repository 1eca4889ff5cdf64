"""What this program is: its manifest's name and version, and what its deployment says of it."""

import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


@dataclass(frozen=True)
class About:
    name: str
    version: str
    commit: str | None
    built: str | None
    digest: str | None
    python: str = platform.python_version()


def describe(environment: Mapping[str, str]) -> About:
    project = tomllib.loads(PROJECT.read_text())["project"]
    commit, built, digest = (environment.get(f"APP_{fact}") or None for fact in ("COMMIT", "BUILT", "DIGEST"))
    return About(project["name"], project["version"], commit, built, digest)
