"""Serves one request handler through the recipe of docs/correlate.md.

Arguments: the port, how the middleware is put in (asgi, starlette or fastapi), and the
recipe's second block, which registers it. OTEL_EXPORTER_OTLP_ENDPOINT says
where spans and log records go.
"""

import logging
import sys

import uvicorn
from opentelemetry import _logs, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette import applications
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

port, way, registration = int(sys.argv[1]), sys.argv[2], open(sys.argv[3]).read()

# Exporters first, as where OpenTelemetry is set up without code: the recipe
# comes after them.
spans = TracerProvider()
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=100))
trace.set_tracer_provider(spans)
records = LoggerProvider()
records.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(), schedule_delay_millis=100))
_logs.set_logger_provider(records)
log = logging.getLogger("work")
log.addHandler(LoggingHandler(logger_provider=records))


async def work(request):
    with trace.get_tracer("test").start_as_current_span("work"):
        log.warning("working")
    return PlainTextResponse("done")


names = {"app": Starlette(routes=[Route("/orders", work, methods=["POST"])])}
exec(registration, names)
session = Middleware(names["SessionMiddleware"])
if way == "starlette":
    StarletteInstrumentor().instrument()
    # The instrumentation puts another class in this one's place.
    names["app"] = applications.Starlette(routes=[Route("/orders", work, methods=["POST"])], middleware=[session])
elif way == "fastapi":
    import fastapi
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor().instrument()
    names["app"] = fastapi.FastAPI(middleware=[session])
    names["app"].add_route("/orders", work, methods=["POST"])
uvicorn.run(names["app"], host="127.0.0.1", port=port, log_level="warning")
