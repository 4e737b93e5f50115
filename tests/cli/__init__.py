# SPDX-License-Identifier: GPL-2.0-or-later
"""The `graphxfer` command, as a person runs it."""
