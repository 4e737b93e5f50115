# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin, in a project of somebody else's: README.md's examples, run by a pytest of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
TEST, CONFTEST = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
MORE = """

def test_the_tests_share_a_server(omero_server):
    ann = omero_server.create_user("ann", "Lab", permissions="rwrw--")
    ben = omero_server.create_user("ben", "Lab", password="other")
    assert (ann.group_id, ann.group, ben.password) == (ben.group_id, "Lab", "other")
    with omero_server.client(ben) as client:
        context = client.sf.getAdminService().getEventContext()
        assert (context.userName, context.groupName) == ("ben", "Lab")
        assert str(context.groupPermissions) == "rwrw--"
    with omero_server.client() as client:
        query = client.sf.getQueryService()
        hql = "select count(t) from TagAnnotation t"
        assert query.projection(hql, None, {"omero.group": "-1"})[0][0].val == 1
        config = client.sf.getConfigService()
        assert "+plate" in config.getConfigValue("omero.policy.binary_access")


def test_it_can_be_restarted(omero_server):
    port = omero_server.port
    omero_server.sandbox.restart()
    assert omero_server.port == port
    with omero_server.gateway() as conn:
        assert conn.getUser().getName() == "root"
"""


def run(*arguments: str, cwd: Path) -> Any:
    command = [sys.executable, "-W", "ignore", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200)


def test_in_a_project(tmp_path: Path) -> None:
    (tmp_path / "test_client.py").write_text(TEST + MORE)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    done = run("-m", "pytest", "-v", "-p", "no:cacheprovider", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_it_costs_nothing_where_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\ndef test_nothing():\n"
        "    assert 'omero_sandbox.pytest_plugin' in sys.modules\n"
        "    assert not {'Ice', 'omero', 'numpy'} & set(sys.modules)\n"
    )
    done = run("-m", "pytest", "-q", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
