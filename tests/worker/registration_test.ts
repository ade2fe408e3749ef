/** What a worker says when its controller is not what it should be: one line that helps. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { IrisError } from "../../src/base/errors.ts";
import { selfSigned } from "../../src/host/self_signed.ts";
import { httpClient } from "../../src/host/tls.ts";
import { PROTOCOL } from "../../src/wire/protocol.ts";
import { registerWorker } from "../../src/worker/registration.ts";
import { hasCommand, needs } from "../support/require.ts";
import { sampleRegistration } from "../support/core_world.ts";

const OPENSSL = await needs("openssl (openssl)", () => hasCommand("openssl"));

interface Answering {
  readonly url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

function serve(answer: () => Response, tls?: { cert: string; key: string }): Answering {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls },
    async (request) => {
      await request.body?.cancel();
      return answer();
    },
  );
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function register(controllerUrl: string, trust: string | null = null) {
  const client = httpClient([trust]);
  try {
    return await registerWorker(sampleRegistration("w0", { version: "0.5.0" }), {
      controllerUrl,
      token: "t",
      clock: systemClock,
      signal: new AbortController().signal,
      fetch: (url, init) => fetch(url, { ...init, client }),
    });
  } finally {
    client.close();
  }
}

/** The one line, and the code. */
async function problem(url: string, trust: string | null = null): Promise<[string, string]> {
  const error = await assertRejects(() => register(url, trust), IrisError);
  assertEquals(error.message.includes("\n"), false, error.message);
  return [error.code, error.message];
}

const ANSWERS: readonly (readonly [name: string, Response, code: string, says: RegExp])[] = [
  [
    "a web page",
    new Response("<!doctype html><p>It works!", { headers: { "Content-Type": "text/html" } }),
    "unavailable",
    /is no Iris controller: it answered a web page \(HTTP 201\)|it answered a web page/,
  ],
  ["another service", Response.json({ hello: 1 }), "unavailable", /is no Iris controller/],
  [
    "nothing there",
    new Response("", { status: 404 }),
    "unavailable",
    /answered nothing \(HTTP 404\)/,
  ],
  [
    "a redirect",
    new Response(null, { status: 302, headers: { location: "https://head:10000/login" } }),
    "unavailable",
    /sends elsewhere: perhaps it is https:\/\/head:10000$/,
  ],
  [
    "a token that is not taken",
    Response.json({ error: { code: "unauthorized", message: "no" } }, { status: 401 }),
    "unauthorized",
    /does not take this worker's token: .*worker-token.*--token-file/,
  ],
  [
    "a refusal because of the version",
    Response.json({ error: { code: "incompatible", message: "version 9 is too new" } }, {
      status: 426,
    }),
    "incompatible",
    /refuses this worker: version 9 is too new/,
  ],
  [
    "a name that is taken",
    Response.json({ error: { code: "conflict", message: "A worker named w0 is at work" } }, {
      status: 409,
    }),
    "conflict",
    /A worker named w0 is at work/,
  ],
  [
    "an older controller that takes in anybody",
    Response.json({ cluster: "c", epoch: 1, version: "0.3.0" }, { status: 201 }),
    "incompatible",
    /version 0\.3\.0 .*too old for version 0\.5\.0/,
  ],
];

for (const [name, answer, code, says] of ANSWERS) {
  Deno.test(`where the controller should be there is ${name}: one line says so`, async () => {
    await using server = serve(() => answer);
    const [found, message] = await problem(server.url);
    assertEquals(found, code);
    assertMatch(message, says);
    assertMatch(message, new RegExp(server.url));
  });
}

Deno.test("what a newer controller adds to its answer is not looked at", async () => {
  const known = { cluster: "c", epoch: 1, version: "0.6.0", protocol: PROTOCOL, graceMs: 5 };
  await using server = serve(() => Response.json({ ...known, later: true }, { status: 201 }));
  assertEquals(await register(server.url), known);
});

Deno.test("an address where nobody listens, and a name that does not resolve, are told apart", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  assertMatch(
    (await problem(`http://127.0.0.1:${port}`))[1],
    /cannot be reached: connection refused/,
  );
  assertMatch((await problem("http://nowhere.invalid:1000"))[1], /host name does not resolve/);
});

Deno.test("plain HTTP where TLS is spoken, and the other way round, are told apart", async () => {
  const identity = await selfSigned(["127.0.0.1"], Date.now());
  await using plain = serve(() => new Response(""));
  await using safe = serve(() => new Response(""), identity);
  assertMatch((await problem(plain.url.replace("http:", "https:")))[1], /does not speak TLS/);
  assertMatch((await problem(safe.url.replace("https:", "http:")))[1], /is it an https: address/);
});

Deno.test("a certificate that nobody trusts, or for another name, is named as what it is", async () => {
  const identity = await selfSigned(["head", "10.0.0.9"], Date.now());
  await using server = serve(() => new Response(""), identity);
  assertMatch((await problem(server.url))[1], /signed by nobody this program trusts/);
  const before = await selfSigned(["127.0.0.1"], Date.now());
  assertMatch((await problem(server.url, before.cert))[1], /another one than is trusted here/);
  assertMatch(
    (await problem(server.url, identity.cert))[1],
    /its certificate is not for the name "127\.0\.0\.1", only for head or 10\.0\.0\.9/,
  );
});

Deno.test({
  name: "a certificate by an authority of one's own is taken when that authority is trusted",
  ...OPENSSL,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "iris-ca-" });
    try {
      const { authority, identity } = await certificates(folder);
      const answer = { cluster: "c", epoch: 3 };
      await using server = serve(() => Response.json(answer, { status: 201 }), identity);
      assertEquals(await register(server.url, authority), answer);
      await using own = serve(() => new Response(""), {
        cert: authority,
        key: Deno.readTextFileSync(`${folder}/ca.key`),
      });
      assertMatch((await problem(own.url, authority))[1], /certificate authority's own/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** An authority, and a certificate of it for 127.0.0.1, as an administrator makes them. */
async function certificates(folder: string) {
  const openssl = async (line: string) => {
    const args = line.split(" ");
    const { success, stderr } = await new Deno.Command("openssl", { args, cwd: folder }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  await openssl(
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ours " +
      "-addext subjectAltName=IP:127.0.0.1 -keyout ca.key -out ca.pem",
  );
  await openssl(
    "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=head -keyout head.key " +
      "-out head.csr",
  );
  Deno.writeTextFileSync(`${folder}/names`, "subjectAltName=IP:127.0.0.1\n");
  await openssl(
    "x509 -req -in head.csr -CA ca.pem -CAkey ca.key -days 2 -extfile names -out head.pem",
  );
  const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
  return { authority: read("ca.pem"), identity: { cert: read("head.pem"), key: read("head.key") } };
}
