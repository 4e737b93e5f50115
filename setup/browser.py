"""Install Chromium for the tests of the report's page, if this user may."""

from __future__ import annotations

import sys

from machine import exit_code, install_if_permitted


def main() -> None:
    """Install it, or print how to; without it the browser tests are skipped."""
    install_if_permitted("chromium", "to test the report's page in a browser")


if __name__ == "__main__":
    sys.exit(exit_code(main))
