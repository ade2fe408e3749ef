/** Bad submits of every kind, at one real controller: clear errors with the field, and it stays up. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";
import type { SubmittedJob } from "../../src/wire/api.ts";

/** What is sent, and the status, code and field of the answer. */
interface BadSubmit {
  readonly what: string;
  readonly body?: Record<string, unknown>;
  /** Instead of a body made from an object. */
  readonly raw?: string;
  readonly headers?: Record<string, string>;
  readonly answer: readonly [status: number, code: string, field: string];
}

const LONG = "x".repeat(10_240);
const after = (job: string) => ({ after: [{ job }] });

const BAD: readonly BadSubmit[] = [
  { what: "JSON that breaks off", raw: '{"argv": [', answer: [400, "invalid", "body"] },
  { what: "no body", raw: "", answer: [400, "invalid", "body"] },
  { what: "a list", raw: "[]", answer: [400, "invalid", "body"] },
  { what: "null", raw: "null", answer: [400, "invalid", "body"] },
  {
    what: "a form",
    raw: "argv=true",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    answer: [400, "invalid", "Content-Type"],
  },
  {
    what: "a list in a list in a list ...",
    raw: `{"argv":["true"],"replicas":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    answer: [400, "invalid", "replicas"],
  },
  {
    what: "a circle of one",
    body: { name: "a", ...after("a") },
    answer: [400, "invalid", "after.0.job"],
  },
  // `second` waits for `first`; a new `first` must not wait for `second`.
  {
    what: "a circle of two",
    body: { name: "first", ifExists: "replace", ...after("second") },
    answer: [400, "invalid", "after.0.job"],
  },
  { what: "an unknown dependency", body: after("nope"), answer: [404, "not_found", "after.0.job"] },
  {
    what: "a parent that is not there",
    body: { name: "/u/nope/child" },
    answer: [404, "not_found", "name"],
  },
  { what: "a name that is taken", body: { name: "first" }, answer: [409, "conflict", "name"] },
  { what: "too many replicas", body: { replicas: 1e9 }, answer: [400, "invalid", "replicas"] },
  {
    what: "endless replicas",
    raw: '{"argv":["a"],"replicas":1e999}',
    answer: [400, "invalid", "replicas"],
  },
  {
    what: "constraints that exclude each other",
    body: {
      constraints: [
        { key: "zone", op: "eq", values: ["a"] },
        { key: "zone", op: "eq", values: ["b"] },
      ],
    },
    answer: [400, "invalid", "constraints.1"],
  },
  ...["/", "//", "a//b", "/a", "a/", "../a", "/u/a/7", "/u/./a", `/u/${"a/".repeat(9)}b`].map((
    name,
  ) => ({
    what: `the name ${name}`,
    body: { name },
    answer: [400, "invalid", "name"] as const,
  })),
  {
    what: "control characters in a name",
    body: { name: "a\u001b[31m\n" },
    answer: [400, "invalid", "name"],
  },
  { what: "10 kB of a name", body: { name: LONG }, answer: [400, "invalid", "name"] },
  {
    what: "control characters in a variable's name",
    body: { env: { "a\n\u001b[2J": "b" } },
    answer: [400, "invalid", "env.a\\u000a\\u001b[2J"],
  },
  {
    what: "10 kB of a variable's name",
    body: { env: { [`-${LONG}`]: "b" } },
    answer: [400, "invalid", `env.-${"x".repeat(192)}...`],
  },
  {
    what: "10 kB of a field's name",
    body: { [LONG]: 1 },
    answer: [400, "invalid", `${"x".repeat(197)}...`],
  },
  { what: "a NUL in a variable", body: { env: { A: "b\0c" } }, answer: [400, "invalid", "env.A"] },
  {
    what: "one variable beyond the exec limit",
    body: { env: { A: "x".repeat(128 * 1024 - 2) } },
    answer: [400, "invalid", "env"],
  },
  {
    what: "many variables beyond the limit together",
    body: {
      env: Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`A${i}`, "x".repeat(200)])),
    },
    answer: [400, "invalid", "env"],
  },
  {
    what: "a variable that would get lost",
    body: { env: { constructor: "x" } },
    answer: [400, "invalid", "env.constructor"],
  },
  {
    what: "a user with a space",
    body: {},
    headers: { "X-Iris-User": "a b" },
    answer: [400, "invalid", "X-Iris-User"],
  },
  {
    what: "a key with a space",
    body: {},
    headers: { "Idempotency-Key": "a b" },
    answer: [400, "invalid", "Idempotency-Key"],
  },
  {
    what: "the key of another job",
    body: { name: "another" },
    headers: { "Idempotency-Key": "one" },
    answer: [409, "conflict", "Idempotency-Key"],
  },
];

/** Calls the API as a program that is not ours would. */
function rawCaller(world: World, url: string) {
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  return async (body: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/api/v1/jobs`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${token}`,
        "Content-Type": "application/json",
        "X-Iris-User": "u",
        ...headers,
      },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
}

/** A command that must say one line and end with 1 or 2. */
async function assertOneLine(world: World, args: readonly string[], says: RegExp): Promise<void> {
  const iris = startIris(world, [...args]);
  const { code } = await iris.ended;
  const { stderr, stdout } = iris.output();
  assertEquals([code === 1 || code === 2, stdout], [true, ""], stderr);
  assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
  assertMatch(stderr, says);
  assert(stderr.length < 400, `${stderr.length} characters`);
}

Deno.test("every bad submit gets one clear error that names the field, and the controller goes on", async () => {
  using world = makeWorld();
  const controller = startIris(world, [
    ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const client = await clientOf(world, controller);
  const [url = ""] = await controller.printed(/http:\/\/127\.0\.0\.1:\d+/, 1_000);
  const worker = startIris(world, [
    ...["--mode=worker", `--controller=${url}`, `--token-file=${world.stateDir}/worker-token`],
    ...["--name=w1", "--cpu=2", "--attr=zone=a", `--state-dir=${world.dir}/w1`],
  ]);
  await worker.printed(/worker w1/, 20_000);
  const submit = rawCaller(world, url);
  const held = { argv: ["true"], hold: true };
  assertEquals((await submit({ ...held, name: "first" })).status, 201);
  assertEquals((await submit({ ...held, name: "second", ...after("first") })).status, 201);
  const keyed = { "Idempotency-Key": "one" };
  const one = await submit({ ...held, name: "keyed" }, keyed);
  const again = await submit({ ...held, name: "keyed" }, keyed);
  assertEquals([again.status, again.body.generation], [201, one.body.generation], "the same job");
  const known = (await client.jobs({ limit: 1_000 })).length;

  for (const { what, body, raw, headers, answer } of BAD) {
    const { status, body: { error } } = await submit(raw ?? { argv: ["true"], ...body }, headers);
    assertEquals([status, error?.code, error?.field], answer, what);
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assert(!/[\x00-\x1f\x7f-\x9f]/.test(error.message) && error.message.length <= 500, what);
  }
  assertEquals((await client.jobs({ limit: 1_000 })).length, known, "nothing was taken in");

  const gang = await submit({
    argv: ["true"],
    name: "gang",
    replicas: 50,
    gang: { groupBy: "zone" },
  });
  assertEquals(gang.status, 201);
  const { warnings } = gang.body as SubmittedJob;
  assertMatch(
    warnings[0] ?? "",
    /needs 50 tasks at once on one zone: the largest, zone=a, holds 2/,
  );

  const run = (...more: string[]) => ["job", "run", "--no-wait", `--controller=${url}`, ...more];
  const target = ["--controller", url, "--token-file", `${world.stateDir}/token`];
  const cli = (
    ...more: string[]
  ) => [...run(`--token-file=${world.stateDir}/token`, ...more), "--", "true"];
  await assertOneLine(world, cli("--after", "nope"), /--after: there is no job/);
  await assertOneLine(
    world,
    cli("--constraint", "z=a", "--constraint", "z=b"),
    /--constraint can never hold: z=b/,
  );
  await assertOneLine(world, cli("--name", "a\u001b[31m"), /--name may have letters.*\\u001b/);
  await assertOneLine(world, cli("--name", LONG), /--name must have at most 256 characters/);
  await assertOneLine(
    world,
    cli(`--env=A=${"x".repeat(128 * 1024 - 100)}`, "--env=B=" + LONG),
    /--env must have at most/,
  );
  await assertOneLine(
    world,
    ["job", "stop", "\u001b[31m\nx", ...target],
    /No such job: .*\\u001b\[31m\\u000ax/,
  );
  await assertOneLine(world, ["job", "purge", "--job", "nope", ...target], /No such job: .*nope/);

  assertEquals((await fetch(`${url}/healthz`).then((r) => r.json())).ok, true);
  await client.submit({ argv: ["true"], name: "good" });
  assertEquals((await client.wait("/local/good")).state, "SUCCEEDED");
  for (const process of [worker, controller]) {
    Deno.kill(process.pid, "SIGTERM");
    assertEquals((await process.ended).code, 0, process.output().stderr);
  }
  assertEquals(world.survivors(), []);
});
