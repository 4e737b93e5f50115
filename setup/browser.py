"""Install Chromium, in which the tests look at the report's page, where that is permitted."""

from __future__ import annotations

import sys

from machine import exit_code, install_if_permitted


def main() -> None:
    """Install it, or name it: without it the tests in a browser are skipped."""
    install_if_permitted("chromium", "to test the report's page in a browser")


if __name__ == "__main__":
    sys.exit(exit_code(main))
