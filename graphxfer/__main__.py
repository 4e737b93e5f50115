# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m graphxfer` is `graphxfer`."""

from graphxfer.cli import main

main()
