"""The service as a FastAPI app: what it answers. Opens no port; __main__.py does."""

from fastapi import FastAPI, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from .about import About
from .metrics import Measured, Metrics

PATHS = ["/", "/health", "/metrics", "/version"]


def create_app(about: About) -> FastAPI:
    app = FastAPI(title=about.name, version=about.version, openapi_url=None)
    metrics = Metrics(about, PATHS)
    app.add_middleware(Measured, metrics=metrics)

    @app.get("/")
    async def home() -> dict[str, object]:
        links = {"self": "/", "health": "/health", "metrics": "/metrics", "version": "/version"}
        return {"name": about.name, "version": about.version, "links": links}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    async def exposed() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/version")
    async def version() -> dict[str, str | None]:
        return {
            "version": about.version,
            "commit": about.commit,
            "built": about.built,
            "digest": about.digest,
            "python": about.python,
        }

    return app
