# SPDX-License-Identifier: GPL-2.0-or-later
"""HQL answered the naive way: nested loops over plain Python objects, nothing of the sandbox's."""
