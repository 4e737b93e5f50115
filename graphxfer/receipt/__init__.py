# SPDX-License-Identifier: GPL-2.0-or-later
"""The receipt of a verification: a signed record that others can check without a server."""
