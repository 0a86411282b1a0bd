// Sends one trace by each exporter of the Node SDK: send.cjs HTTP GRPC, addresses; prints their ids.

const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const grpc = require("@opentelemetry/exporter-trace-otlp-grpc");
const json = require("@opentelemetry/exporter-trace-otlp-http");
const proto = require("@opentelemetry/exporter-trace-otlp-proto");

const [atHttp, atGrpc] = process.argv.slice(2);
const url = `http://${atHttp}/v1/traces`;
const exporters = {
  json: new json.OTLPTraceExporter({ url }),
  "json-gzip": new json.OTLPTraceExporter({ url, compression: "gzip" }),
  http: new proto.OTLPTraceExporter({ url }),
  grpc: new grpc.OTLPTraceExporter({ url: `http://${atGrpc}` }),
};

async function send(name, exporter) {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer("shop.checkout", "1.2.3");
  const root = tracer.startSpan("checkout", { kind: SpanKind.SERVER }, ROOT_CONTEXT);
  const within = trace.setSpan(ROOT_CONTEXT, root);
  for (let n = 0; n < 100; n++) {
    const attributes = { n, share: 0.5, paid: true, text: "gr\u00fc\u00df", list: ["a", "b"] };
    const child = tracer.startSpan("charge", { kind: SpanKind.CLIENT, attributes }, within);
    child.addEvent("retry", { attempt: 2 });
    child.setStatus({ code: SpanStatusCode.ERROR, message: "declined" });
    child.end();
  }
  root.end();
  await provider.shutdown();
  console.log(name, root.spanContext().traceId);
}

(async () => {
  for (const [name, exporter] of Object.entries(exporters)) await send(name, exporter);
})();
