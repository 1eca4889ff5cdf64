"""The service's metrics: names, units and labels of bounded cardinality, as in service/."""

from time import perf_counter

from prometheus_client import Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.registry import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .about import About

REQUESTS = ("http_requests", "Requests answered")  # a counter is shown with _total
REQUEST_SECONDS = ("http_request_duration_seconds", "Time to answer a request")
IN_FLIGHT = ("http_requests_in_flight", "Requests being answered now")
BUILD_INFO = ("app_build_info", "What is running; always 1")

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
LABELS = ["method", "route", "status_code"]
BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
UNMATCHED = "unmatched"


class Metrics:
    def __init__(self, about: About, routes: list[str]) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(*REQUESTS, LABELS, registry=registry)
        self.seconds = Histogram(*REQUEST_SECONDS, LABELS, registry=registry, buckets=BUCKETS)
        self.in_flight = Gauge(*IN_FLIGHT, registry=registry)
        build = Gauge(*BUILD_INFO, ["version", "commit", "digest", "python_version"], registry=registry)
        build.labels(about.version, about.commit or "unknown", about.digest or "unknown", about.python).set(1)
        # A series that begins with its first failure has not increased: those that matter begin at 0.
        for route in [*routes, UNMATCHED]:
            for status in ("200", "500"):
                self.requests.labels("GET", route, status)
                self.seconds.labels("GET", route, status)


class Measured:
    """Counts and times every request, by the template of its route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = "500"

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        start = perf_counter()
        with self.metrics.in_flight.track_inprogress():
            try:
                await self.app(scope, receive, watch)
            finally:
                method = scope["method"] if scope["method"] in METHODS else "other"
                route = getattr(scope.get("route"), "path", UNMATCHED)
                self.metrics.requests.labels(method, route, status).inc()
                self.metrics.seconds.labels(method, route, status).observe(perf_counter() - start)
