"""Disarm what the log of a CI workflow would run as a command.

GitHub runs a line that begins with ::, and ##[...] anywhere in it; Azure runs ##vso[...], TeamCity ##teamcity[...].
Buildkite folds a log at ---, +++ and ~~~. GitLab's sections need control characters, which never get here.
"""

from __future__ import annotations

import re

_AT_START = re.compile(r"\s*::|(?:---|\+\+\+|~~~|\^\^\^)(?:\s|$)")
_ANYWHERE = re.compile(r"#(?=#\w*\[)")


def inert(line: str) -> str:
    """A log line with every command disarmed. A line without commands stays as it is; applying it twice is harmless."""
    line = _ANYWHERE.sub(r"#\\", line)
    if not _AT_START.match(line):
        return line
    blanks = len(line) - len(line.lstrip())
    return f"{line[:blanks]}\\{line[blanks:]}"
