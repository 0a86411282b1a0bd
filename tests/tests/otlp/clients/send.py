"""Sends one trace by each exporter of the Python SDK: send.py HTTP GRPC, addresses; prints their ids."""

import sys

from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc
from opentelemetry.exporter.otlp.proto.http import Compression, trace_exporter as http
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

at_http, at_grpc = sys.argv[1:]
url = f"http://{at_http}/v1/traces"
exporters = {
    "http": http.OTLPSpanExporter(url),
    "http-gzip": http.OTLPSpanExporter(url, compression=Compression.Gzip),
    "grpc": grpc.OTLPSpanExporter(f"http://{at_grpc}", insecure=True),
}
for name, exporter in exporters.items():
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("shop.checkout", "1.2.3")
    root = tracer.start_span("checkout", kind=SpanKind.SERVER)
    within = set_span_in_context(root)
    for n in range(100):
        attributes = {"n": n, "share": 0.5, "paid": True, "text": "gr\u00fc\u00df", "list": ["a", "b"]}
        child = tracer.start_span("charge", within, kind=SpanKind.CLIENT, attributes=attributes)
        child.add_event("retry", {"attempt": 2})
        child.set_status(Status(StatusCode.ERROR, "declined"))
        child.end()
    root.end()
    provider.shutdown()
    print(name, f"{root.get_span_context().trace_id:032x}")
