# SPDX-License-Identifier: GPL-2.0-or-later
"""Fill an OMERO server with example data: an ordinary OMERO client program."""


def seed(
    host: str,
    port: int,
    user: str,
    password: str,
    group: str | None = None,
    scale: int = 1,
) -> dict[str, list[int]]:
    """
    Create an account, a group, and in it a project with images and all that can hang on them.

    Parameters
    ----------
    host, port
        The server's TLS endpoint.
    user, password
        An administrator; he creates the group "Imaging" and the user "researcher" and fills in
        the data as that user. With `group`, an ordinary member of it who fills it as himself.
    group
        Group to fill; default: "Imaging", created where it does not exist.
    scale
        How many times the generated images are made.

    Returns
    -------
    dict
        OMERO class name to the ids of what was made.
    """
    raise NotImplementedError
