"""The command ``auditlog``: checks files of an audit log, without a server or a network."""

from __future__ import annotations

import sys

from auditsaas_client import auditlog_verify

USAGE = """usage: auditlog verify FILE PROOF KEY

Checks offline that an export or an event is what an audit log holds. KEY is the log's verifier
key, or a file that holds it. Ends with 0: proven and complete; 1: refused; 2: called wrongly;
3: every event is proven, and something that is named is not."""


def main() -> int:
    """Run the command that the arguments name; return how it ends."""
    command, *arguments = sys.argv[1:] or [""]
    if command == "verify" and len(arguments) == 3:
        return auditlog_verify.main(arguments)
    asked = command in ("-h", "--help") or "--help" in arguments
    print(USAGE, file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


def verify() -> int:
    """Check a file, for ``auditlog-verify FILE PROOF KEY``."""
    return auditlog_verify.main(sys.argv[1:])
