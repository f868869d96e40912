"""Check the TypeScript client: its types, in Node.js and in a browser, and its unit tests."""

from __future__ import annotations

from tools.toolchains import TYPESCRIPT, npm_packages, run

SCRIPTS = {
    "check": "tsc does not accept the client.",
    "test": "`python tools/toolchains.py npm test` in clients/typescript shows it again.",
}


def main() -> None:
    """Run the scripts of the package; end with the output and a remedy when one fails."""
    npm_packages()
    for script, remedy in SCRIPTS.items():
        run(["npm", "run", "--silent", script], remedy, TYPESCRIPT)


if __name__ == "__main__":
    main()
