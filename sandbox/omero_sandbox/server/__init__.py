# SPDX-License-Identifier: GPL-2.0-or-later
"""The process: Ice endpoints, router, servants."""
