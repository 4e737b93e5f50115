# SPDX-License-Identifier: GPL-2.0-or-later
"""Run `graphxfer` as `python -m graphxfer`."""

from graphxfer.cli import main

main()
