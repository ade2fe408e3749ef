/** Traces by Deno's own switch: a real cluster, and a tiny collector on loopback. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { clientOf, makeWorld, startIris } from "../support/iris_process.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const TRACE = `00-${TRACE_ID}-b7ad6b7169203331-01`;
const LIMIT_MS = 30_000;

interface Span {
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { stringValue?: string };
  }[];
}

/** Takes what OTLP/HTTP brings as JSON, and keeps the spans. */
function collector(): { spans: Span[]; url: string; close(): Promise<void> } {
  const spans: Span[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.json();
      for (const { scopeSpans } of body.resourceSpans ?? []) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      return Response.json({});
    },
  );
  return {
    spans,
    url: `http://127.0.0.1:${server.addr.port}`,
    close: () => server.shutdown(),
  };
}

Deno.test("with OTEL_DENO=true a submit is a span of the caller's trace, and its task knows that trace", async () => {
  using world = makeWorld();
  const { spans, url: endpoint, close } = collector();
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
  ], {
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "200",
    },
  });
  const client = await clientOf(world, cluster);
  const [, url = ""] = cluster.output().stdout.match(/(http:\S+)/) ?? [];
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  const submitted = await fetch(`${url}/api/v1/jobs`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/json",
      traceparent: TRACE,
    },
    body: JSON.stringify({ name: "traced", argv: ["sh", "-c", 'echo "of $TRACEPARENT"'] }),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const { name } = await submitted.json();
  await client.wait(name);
  let text = "";
  for await (const { data } of client.logs(name, { follow: false })) text += atob(data);
  assertStringIncludes(text, `of ${TRACE}`);
  const giveUp = performance.now() + LIMIT_MS;
  const ours = () => spans.filter(({ traceId }) => traceId === TRACE_ID);
  while (ours().length === 0) {
    assert(performance.now() < giveUp, `${spans.length} spans came, none of the submit`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [span] = ours();
  const path = span!.attributes.find(({ key }) => key === "url.path")?.value.stringValue;
  assertEquals([path, span!.parentSpanId], ["/api/v1/jobs", "b7ad6b7169203331"]);
  Deno.kill(cluster.pid, "SIGTERM");
  assertEquals((await cluster.ended).code, 0);
  await close();
});
