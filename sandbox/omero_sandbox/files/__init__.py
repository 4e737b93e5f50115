# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of a server: repository, paths and checksums."""
