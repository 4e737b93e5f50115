# SPDX-License-Identifier: GPL-2.0-or-later
"""`omero user`, `group`, `sessions`, `login`, `ldap` and what `admin` asks a server.

Source: the help of these commands and the exit codes in omero-py's plugins (user.py, group.py,
sessions.py, ldap.py, admin.py); OMERO's pages users/cli/usergroup and users/cli/sessions.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from omero_sandbox import manage
from tests.command_table import PASSWORD, Desk, Try
from tests.elsewhere import Elsewhere

DENIED = "SecurityViolation: Admins only!"

USERS = [
    Try("root", "user add {mark}-new1 Ada Love {group} -P pw -m M -e a@b.org -i Inst", 0,
        r"Added user {mark}-new1 \(id=\d+\) with password"),
    Try("root", "user add {mark}-new1 Ada Love {group} -P pw", 3,
        r"User exists: {mark}-new1 \(id=\d+\)"),
    Try("root", "user add {mark}-new1 A L {group} -P pw --ignore-existing", 0, "User exists"),
    Try("root", "user add -a {mark}-new2 B C --group-name {group} -P pw", 0, "Added user"),
    Try("root", "user add {mark}-new3 B C --group-id {group_id} --no-password", 502,
        "does not allow user creation with empty passwords"),
    Try("root", "user add {mark}-new4 B C no-such-group -P pw", 504, "Unknown group"),
    Try("helper", "user add {mark}-new5 B C {group} -P pw", 0, "Added user"),
    Try("light", "user add {mark}-new6 B C {group} -P pw", 111, "SecurityViolation"),
    Try("member", "user add {mark}-new6 B C {group} -P pw", 111, DENIED),
    Try("member", "user list", 0, r"\| {member} +\| Member +\| {mark}"),
    Try("root", "user list --style csv --sort-by-login", 0, "id,login,first name,last name"),
    Try("root", "user list --long", 0, r"\| {owner} .*\| +\| {group_id} "),
    Try("root", "user info {mark}-new1", 0, r"\| {mark}-new1 \| Ada +\| Love +\| a@b.org"),
    Try("member", "user info --user-id {owner_id}", 0, "{owner}"),
    Try("root", "user info no-such-user", 514, "Unknown user: no-such-user"),
    Try("member", "user listgroups", 0, r"\| {group} +\| rwra--"),
    Try("root", "user listgroups {member}", 0, "{group}"),
    Try("root", "user listgroups no-such-user", 514, "Unknown user"),
    Try("root", "user email -n", 0, "a@b.org"),
    Try("root", "user email -1 -i --all", 0, "a@b.org"),
    Try("root", "user joingroup --name {member} user", 0, "is already in group 1"),
    Try("root", "group add {mark}-second", 0, "Added group"),
    Try("root", "user joingroup --name {mark}-new1 {mark}-second", 0, r"Added \d+ to group"),
    Try("root", "user joingroup --name {mark}-new1 {mark}-second --as-owner", 0,
        "to the owner list of group"),
    Try("root", "user joingroup --name {mark}-new1 {mark}-second --as-default", 0,
        "Set the default group of user"),
    Try("root", "user leavegroup --name {mark}-new1 {mark}-second --as-owner", 0,
        "from the owner list of group"),
    Try("helper", "user leavegroup --name {mark}-new1 {mark}-second", 0, r"Removed \d+ from group"),
    Try("root", "user leavegroup --name {mark}-new1 {mark}-second", 0, "is not in group"),
    # a place in the list of groups is free now, and is filled again
    Try("helper", "user joingroup --name {mark}-new1 {mark}-second", 0, r"Added \d+ to group"),
    Try("root", "user joingroup --id {member_id} no-such-group", 504, "Unknown group"),
    Try("root", "user joingroup --name no-such-user {group}", 513, "Unknown user"),
]  # fmt: skip
GROUPS = [
    Try("root", "group add {mark}-a --type read-only", 0,
        r"Added group {mark}-a \(id=\d+\) with permissions rwr---"),
    Try("root", "group add {mark}-b --perms rwrw--", 0, "rwrw--"),
    Try("root", "group add {mark}-c", 0, "rw----"),
    Try("root", "group add {mark}-a", 3, "Group exists"),
    Try("root", "group add {mark}-a --ignore-existing", 0, "Group exists"),
    Try("root", "group add {mark}-d --perms nonsense", 505, "Invalid permission string: nonsense"),
    Try("helper", "group add {mark}-e", 0, "Added group"),
    Try("light", "group add {mark}-f", 111, "SecurityViolation"),
    Try("member", "group add {mark}-f", 111, DENIED),
    Try("root", "group perms --name {mark}-a --type read-annotate", 0,
        r"Changed permissions for group {mark}-a \(id=\d+\) to rwra--"),
    Try("root", "group perms --name {mark}-a --perms rwra--", 0, "already rwra--"),
    Try("helper", "group perms --name {mark}-a --type read-only", 0, "to rwr---"),
    Try("root", "group perms --name no-such-group --perms rwra--", 503, "Unknown group"),
    Try("owner", "group perms --name {group} --type read-annotate", 0, "already rwra--"),
    Try("member", "group perms --id {group_id} --type private", 504, "Cannot change permissions"),
    Try("member", "group list", 0, r"\| {group} +\| rwra-- \| False"),
    Try("root", "group list --style json --sort-by-id", 0, '"name": "{group}"'),
    Try("root", "group list --long", 0, r"\| {group} .*\| {owner_id} +\|"),
    Try("member", "group info {group}", 0, r"\| {group} +\| rwra--"),
    Try("root", "group info --group-id {group_id}", 0, "{group}"),
    Try("root", "group info no-such-group", 504, "Unknown group"),
    Try("member", "group listusers {group}", 0, "{owner}"),
    Try("root", "group listusers --group-name {group} --style csv", 0, r",{member},Member,"),
    Try("root", "group adduser --name {mark}-a {member}", 0, r"Added {member_id} to group"),
    Try("helper", "group adduser --name {mark}-a {owner} --as-owner", 0,
        r"Added {owner_id} to the owner list of group"),
    Try("root", "group adduser --name {mark}-a --user-name no-such-user", 514, "Unknown user"),
    Try("root", "group removeuser --name {mark}-a {owner} --as-owner", 0,
        r"Removed {owner_id} from the owner list of group"),
    Try("helper", "group removeuser --name {mark}-a {member}", 0, "Removed {member_id} from group"),
    Try("root", "group removeuser --name {mark}-a {member}", 0, "is not in group"),
    Try("root", "group copyusers {group} {mark}-b", 0, "Users of {group} copied to {mark}-b"),
    Try("root", "group copyusers {group} {mark}-b --as-owner", 0, "Owners of {group} copied to"),
    Try("root", "group copyusers {group} no-such-group", 503, "Unknown group"),
    Try("root", "group listusers {mark}-b", 0, "{member}"),
]  # fmt: skip
SESSIONS = [
    Try("member", "sessions help", 0, "session"),
    Try("member", "sessions list", 0, r"\| {member} +\| {group} +\| [-0-9a-f]{36} \| Logged in"),
    Try("member", "sessions list --no-purge", 0, "Logged in"),
    Try("member", "sessions who", 0, r" {member} +\| {group} +\| .*\(\*\) \| OMERO.sessions"),
    Try("member", "sessions who --show-uuid", 0, r"\| uuid"),
    Try("root", "sessions who", 0, "{member}"),
    Try("member", "sessions group", 0, "ExperimenterGroup:{group_id}"),
    Try("member", "sessions group {group_id}", 0, ""),
    Try("member", "sessions group user", 0,
        r"Group '{group}' \(id={group_id}\) switched to 'user'"),
    Try("member", "sessions group {group}", 0, "switched to '{group}'"),
    Try("member", "sessions timeout", 0, "600"),
    Try("member", "sessions timeout 300", 0, ""),
    Try("member", "sessions timeout 301", 0, ""),
    Try("root", "sessions timeout 900", 0, ""),
    Try("member", "sessions file", 0, r"/sessions/{host}/{member}/[-0-9a-f]{36}"),
    Try("member", "sessions key", 0, r"^[-0-9a-f]{36}$"),
    Try("root", "sessions open --user-name {member} --group-name {group}", 0,
        r"Session created for user {member} in group {group} .*\n[-0-9a-f]{36}"),
    Try("root", "sessions open --user-id {member_id} --timeout 100", 0, "timeToLive: 100 sec"),
    Try("member", "sessions open --user-name {owner}", 111, DENIED),
    Try("light", "sessions open --user-name {owner}", 111, "SecurityViolation"),
    Try("root", "sessions close no-such-session", 0, "No session with the given ID found"),
    Try("member", "sessions login {member}@{host}:{port} -w secret -C -g {group}", 0,
        "Created session for {member}@{host}:{port}. Idle timeout: 10 min. Current group: {group}"),
    Try("member", "login {member}@{host}:{port} -w secret -g {group}", 0, "Current group: {group}"),
    Try("member", "login {member}@{host}:{port} -w secret -g no-such-group", 556,
        "Failed to connect"),
    Try("member", "login {member}@{host}:{port} -C -w wrong", 556, "Password check failed"),
    Try("member", "login {member}@{host}:{port} --sudo root -w {root_password} -C", 0,
        "Created session for {member}"),
    Try("member", "sessions logout", 0, ""),
    Try("member", "logout", 0, ""),
    Try("member", "sessions clear --all", 0, r"\d session\(s\) cleared"),
    Try("member", "sessions list", 0, r"\(0 rows\)"),
    Try("member", "login {member}@{host}:{port} -w secret", 0, "Created session"),
]  # fmt: skip
SERVER = [
    Try("member", "version", 0, r"OMERO.py version:\s+5\."),
    Try("member", "errors", 0, "BAD_QUERY"),
    Try("root", "ldap active", 1, "No"),
    Try("member", "ldap active", 111, DENIED),
    Try("root", "ldap list", 0, r"\(0 rows\)"),
    Try("root", "ldap getdn --user-name {member}", 0, ""),
    Try("root", "ldap setdn --user-name {member} true", 0, ""),
    Try("root", "user info {member}", 0, r"\| Yes +\| True "),
    Try("helper", "ldap setdn --user-name {member} false", 0, ""),
    Try("light", "ldap setdn --user-name {member} true", 111, "SecurityViolation"),
    Try("root", "admin sessionlist", 0, "deprecated"),
    Try("root", "admin log {repository} hello --level warn", 0, ""),
    Try("member", "admin log {repository} hello", 111, DENIED),
    Try("root", "admin email subject text --everyone", 13, "omero.mail.from cannot be empty"),
    Try("member", "admin email subject text --everyone", 13, "no permissions to send email"),
    Try("root", "admin removepyramids --dry-run", 0, "No pyramids to remove"),
]  # fmt: skip
ROWS = [*USERS, *GROUPS, *SESSIONS, *SERVER]


@pytest.fixture(scope="module")
def desk(
    server: manage.Sandbox | Elsewhere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    made = Desk(server, tmp_path_factory.mktemp("homes"), uuid.uuid4().hex[:6])
    made.names |= {
        "host": server.host, "port": str(server.port), "root_password": server.password,
        "repository": made.client.getManagedRepository().root().hash.val,
    }  # fmt: skip
    yield made
    made.close()


@pytest.mark.parametrize("table", [USERS, GROUPS, SESSIONS, SERVER], ids=lambda t: t[0].line)
def test_answers(desk: Desk, table: list[Try]) -> None:
    if isinstance(desk.server, Elsewhere):  # which may really send it, to everyone
        table = [one for one in table if not (one.who == "root" and "--everyone" in one.line)]
    desk.check(table)


def test_passwords(desk: Desk) -> None:
    """user.py asks for one's own password, then twice for the new one."""
    root = desk.server.password
    code, said = desk.run("owner", "user password", ["wrong"])
    assert (code, "Bad credentials" in said) == (456, True)
    code, said = desk.run("owner", "user password", [PASSWORD, "newer", "newer"])
    assert code == 0, said
    assert "Password changed" in said
    name = desk.names["owner"]
    login = f"login {name}@{desk.server.host}:{desk.server.port} -C -w"
    assert desk.run("owner", f"{login} {PASSWORD}")[0] == 556
    assert desk.run("owner", f"{login} newer")[0] == 0
    code, said = desk.run("root", f"user password {name}", [root, PASSWORD, PASSWORD])
    assert code == 0, said
    assert desk.run("owner", f"{login} {PASSWORD}")[0] == 0
    assert desk.run("root", "user password no-such-user", [root])[0] == 457
    assert desk.run("light", f"user password {name}", [PASSWORD, "x", "x"])[0] != 0
    assert desk.run("owner", f"{login} {PASSWORD}")[0] == 0
