# SPDX-License-Identifier: GPL-2.0-or-later
"""Serve the page of a bundle over HTTP, with search, queries and a SPARQL 1.1 endpoint."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, TypeVar

from pyoxigraph import QueryResultsFormat, RdfFormat
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    InternalServerError,
    NotAcceptable,
    NotFound,
    ServiceUnavailable,
    UnsupportedMediaType,
)
from werkzeug.routing import Map, Rule
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from graphxfer import catalogue
from graphxfer.bundle import Bundle
from graphxfer.errors import FileProblem, GraphxferError, UsageError
from graphxfer.graph.jsonld.values import classes, members
from graphxfer.inspect import embedded, omero_rdf, query, report
from graphxfer.inspect.lookup import Lookup
from graphxfer.inspect.query import PREFIXES, Answer, Limits, Store
from graphxfer.plan import Plan

if TYPE_CHECKING:  # importing SHACL takes a second
    from graphxfer.inspect.validate import Finding

LOOPBACK = "127.0.0.1"
MAX_QUERY = 2**20
"""Maximum size of a request in bytes."""
AT_ONCE = 2
"""Maximum number of queries at the same time; others wait."""

RESULTS = {
    "application/sparql-results+json": QueryResultsFormat.JSON,
    "application/sparql-results+xml": QueryResultsFormat.XML,
    "application/json": QueryResultsFormat.JSON,
    "application/xml": QueryResultsFormat.XML,
    "text/csv": QueryResultsFormat.CSV,
    "text/tab-separated-values": QueryResultsFormat.TSV,
}
"""Formats for rows and booleans; the first is the default."""
TRIPLES = {
    "text/turtle": RdfFormat.TURTLE,
    "application/n-triples": RdfFormat.N_TRIPLES,
    "application/rdf+xml": RdfFormat.RDF_XML,
    "application/ld+json": RdfFormat.JSON_LD,
    "application/json": RdfFormat.JSON_LD,
    "application/xml": RdfFormat.RDF_XML,
}
"""Formats for triples; the first is the default."""

_DATASET = ("default-graph-uri", "named-graph-uri")
_DESCRIPTION = """\
@prefix sd: <http://www.w3.org/ns/sparql-service-description#> .
@prefix format: <http://www.w3.org/ns/formats/> .
[] a sd:Service ; sd:endpoint <> ; sd:supportedLanguage sd:SPARQL11Query ;
  sd:resultFormat format:SPARQL_Results_JSON, format:SPARQL_Results_XML, format:SPARQL_Results_CSV,
    format:SPARQL_Results_TSV, format:Turtle, format:N-Triples, format:RDF_XML, format:JSON-LD .
"""
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_Format = TypeVar("_Format")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the server.

    Parameters
    ----------
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 for any free port.
    names : tuple of str
        Host names of this server that browsers may use, in addition to ``localhost``.
    limits : Limits
        Limits of one query.
    """

    host: str = LOOPBACK
    port: int = 0
    names: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


@contextmanager
def server(
    bundle: Bundle,
    options: Options,
    *,
    plan: Plan | None = None,
    findings: Sequence[Finding] | None = None,
) -> Iterator[BaseWSGIServer]:
    """Create a server for a bundle; ``serve_forever`` starts it, ``port`` is its port.

    Parameters
    ----------
    bundle : Bundle
        The bundle. It is read once.
    options : Options
        Address, names and limits.
    plan, findings
        Shown in the page; see :func:`graphxfer.inspect.report.render`.

    Raises
    ------
    FileProblem
        If the server cannot listen on the address.
    """
    page = report.render(bundle, plan=plan, findings=findings, live=_live(bundle))
    with Stores(bundle) as stores:
        site = Site(bundle, stores, report.encoded(page), options)
        with _listening(options) as address:
            server = make_server(
                options.host,
                options.port,
                site,
                True,
                request_handler=_Handler,
                fd=address.fileno(),
            )
        try:
            yield server
        finally:
            server.server_close()


def _listening(options: Options) -> socket.socket:
    """Return a listening socket; if it fails, werkzeug's own would end the program."""
    is_v6 = ":" in options.host
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        raise FileProblem(
            f"cannot listen on this address: {os.strerror(error.errno or 0)}",
            where=f"{options.host}:{options.port}",
            do="use another --host or --port (0 for any free port)",
        ) from error


def _live(bundle: Bundle) -> report.Live:
    queries = [
        {"name": each.name, "sentence": each.sentence, "text": each.text}
        for each in query.library().values()
    ]
    return report.Live(queries, words(), embedded.thumbnail_images(bundle))


def words() -> list[str]:
    """Return the terms of the graph, as queries use them: ``ome:Name``, ``model:Image``."""
    iris = {entry.iri for entry in classes()}
    iris |= {member.iri for entry in classes() for member in members(entry)}
    iris |= {catalogue.OMERO + name for name in catalogue.link_classes()}
    found = (
        f"{prefix}:{iri.removeprefix(namespace)}"
        for iri in iris
        for prefix, namespace in PREFIXES.items()
        if iri.startswith(namespace)
    )
    return sorted(found)


class Stores:
    """The graph's store, and another one with omero-rdf's triples, created when a query needs it.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._open = ExitStack()
        self._lock = Lock()
        self._by_kind: dict[bool, Store] = {}

    def __enter__(self) -> Stores:
        self.of("")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def of(self, text: str) -> Store:
        """Return the store for a query."""
        kind = omero_rdf.is_asked_for(text)
        with self._lock:
            if kind not in self._by_kind:
                loading = query.load(self._bundle, with_omero_rdf=kind)
                self._by_kind[kind] = self._open.enter_context(loading)
            return self._by_kind[kind]


class _Handler(WSGIRequestHandler):
    """A handler without a log, and with a time limit for silent clients."""

    timeout = 30

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: queries may contain private data."""


class Site:
    """The WSGI application.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    stores : Stores
        The stores of its graph.
    page : bytes
        Its page.
    options : Options
        Host names and limits.
    """

    def __init__(self, bundle: Bundle, stores: Stores, page: bytes, options: Options) -> None:
        self.bundle, self.stores, self.page, self.options = bundle, stores, page, options
        self.lookup = Lookup(bundle.graph())
        self.turns = BoundedSemaphore(AT_ONCE)
        self.routes = Map(
            [
                Rule("/", methods=["GET"], endpoint=self.show_page),
                Rule("/sparql", methods=["GET", "POST"], endpoint=self.sparql),
                Rule("/search", methods=["GET"], endpoint=self.search),
                Rule("/node", methods=["GET"], endpoint=self.node),
                Rule("/thumbnails/<int:image>", methods=["GET"], endpoint=self.thumbnail),
            ]
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer a WSGI request."""
        request = Request(environ)
        request.max_content_length = request.max_form_memory_size = MAX_QUERY
        try:
            self._refuse_strangers(request)
            endpoint, values = self.routes.bind_to_environ(environ).match()
            response = endpoint(request, **values)
        except HTTPException as error:
            response = Response(f"{error.description}\n", error.code, mimetype="text/plain")
            response.headers.extend(
                (name, value) for name, value in error.get_headers(environ) if name == "Allow"
            )
        response.headers.extend(_HEADERS)
        return response(environ, start_response)

    def _refuse_strangers(self, request: Request) -> None:
        """Refuse requests that a page of another site may have sent.

        The Host header shows DNS rebinding: a foreign host name with this address. The Origin and
        Sec-Fetch headers show requests of other sites to this address.
        """
        if not is_called(request.headers.get("Host", ""), self.options.names):
            raise Forbidden("the host name is unknown: see --name")
        origin = request.headers.get("Origin")
        is_navigation = request.headers.get("Sec-Fetch-Mode") == "navigate"
        strange = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        if (origin and origin != request.host_url.rstrip("/")) or (strange and not is_navigation):
            raise Forbidden("requests from other sites are refused")

    def show_page(self, _: Request) -> Response:
        """Answer with the page."""
        return Response(self.page, mimetype="text/html")

    def search(self, request: Request) -> Response:
        """Answer with the nodes that contain a text."""
        return _json(self.lookup.search(request.args.get("q", "")))

    def node(self, request: Request) -> Response:
        """Answer with all facts of a node."""
        found = self.lookup.node(request.args.get("iri", ""))
        if found is None:
            raise NotFound("the node is not in the graph")
        return _json(found)

    def thumbnail(self, _: Request, image: int) -> Response:
        """Answer with an image's thumbnail."""
        path = embedded.thumbnail_path(self.bundle, image)
        found = embedded.thumbnail(path) if path else None
        if found is None:
            raise NotFound("the image has no thumbnail")
        mimetype, data = found
        return Response(data, mimetype=mimetype)

    # -- the SPARQL 1.1 Protocol

    def sparql(self, request: Request) -> Response:
        """Answer a query according to https://www.w3.org/TR/sparql11-protocol/."""
        text = query_of(request)
        if text is None:
            return Response(_DESCRIPTION, mimetype="text/turtle")
        return _negotiated(request, self._ask(text))

    def _ask(self, text: str) -> Answer:
        if not self.turns.acquire(timeout=self.options.limits.seconds):
            raise ServiceUnavailable("too many queries at once: try again")
        try:
            return query.ask(self.stores.of(text), text, self.options.limits)
        except UsageError as error:
            raise BadRequest(error.message()) from error
        except GraphxferError as error:
            raise InternalServerError(error.message()) from error
        finally:
            self.turns.release()


def is_called(host: str, names: Sequence[str]) -> bool:
    """Tell whether a Host header names this server: an address, ``localhost``, or a given name.

    A browser sends an address only if the URL has that address. But the owner of any host name can
    point it to this machine.

    Parameters
    ----------
    host : str
        The header, with or without a port.
    names : sequence of str
        Further allowed names.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    if name.lower().rstrip(".") in {"localhost", *(each.lower() for each in names)}:
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def query_of(request: Request) -> str | None:
    """Return the query of a request in one of the protocol's three forms; None if it has none.

    Raises
    ------
    HTTPException
        If it is an update, names other graphs, or is not in one of the forms.
    """
    parameters = request.args
    text: str | None = None
    if request.method == "POST":
        if request.mimetype == "application/sparql-query":
            try:
                text = request.get_data().decode("utf-8")
            except UnicodeDecodeError:
                raise BadRequest("the query is not UTF-8") from None
        elif request.mimetype == "application/x-www-form-urlencoded":
            parameters = request.form
        elif request.mimetype == "application/sparql-update":
            raise BadRequest("updates are refused: the graph is read-only")
        else:
            raise UnsupportedMediaType(
                "send application/sparql-query or application/x-www-form-urlencoded"
            )
    if "update" in parameters:
        raise BadRequest("updates are refused: the graph is read-only")
    if any(name in request.values for name in _DATASET):
        raise BadRequest("only the default graph exists: leave out the graph's name")
    if text is not None:
        return text
    given = parameters.getlist("query")
    if len(given) > 1 or (request.method == "POST" and not given):
        raise BadRequest("send exactly one query")
    return given[0] if given else None


def _negotiated(request: Request, answer: Answer) -> Response:
    """Return an answer in the format that the client prefers."""
    if answer.kind == "triples":
        mimetype, data = _chosen(request, TRIPLES, answer.serialize)
    else:
        mimetype, data = _chosen(request, RESULTS, answer.serialize)
    response = Response(data, mimetype=mimetype)
    if answer.is_cut:
        response.headers["Graphxfer-Cut"] = "the answer is cut at the limit of rows"
    response.headers["Vary"] = "Accept"
    return response


def _chosen(
    request: Request, formats: Mapping[str, _Format], serialize: Callable[[_Format], bytes]
) -> tuple[str, bytes]:
    default = "" if request.headers.get("Accept") else next(iter(formats))
    mimetype = request.accept_mimetypes.best_match(formats, default=default)
    if not mimetype:
        raise NotAcceptable(f"the available formats are {', '.join(formats)}")
    return mimetype, serialize(formats[mimetype])


def _json(value: Any) -> Response:
    # ASCII: texts may have surrogates, which UTF-8 does not have.
    return Response(json.dumps(value), mimetype="application/json")


def own_names() -> tuple[str, ...]:
    """Return the names of this machine, for a server that other machines can reach."""
    return tuple({socket.gethostname(), socket.getfqdn()})
