/** Secrets in environments of jobs: the task has them, and nobody else is shown them. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { IrisClient } from "../../src/client/iris_client.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";
import { REDACTED, shownSpec, soundsSecret } from "../../src/wire/secrets.ts";
import { makeWorld, startIris } from "../support/iris_process.ts";

Deno.test("a variable is secret by its name, or because the submitter says so", () => {
  const secret = [
    ...["API_TOKEN", "token", "DB_PASSWORD", "PGPASSWORD", "SECRET", "MY_SECRET_1", "AWS_KEY"],
    ...["KEY", "API_KEYS", "APIKEY", "PRIVATE_PEM", "X_AUTH", "DB_PWD", "SENTRY_DSN", "passphrase"],
  ];
  const plain = [
    ...["PATH", "HOME", "PWD", "OLDPWD", "KEYBOARD", "MONKEY", "AUTHOR", "PINS", "COMPASS"],
    ...["N", "LANG", "PASSAGE_FILE", "DESIGN"],
  ];
  assertEquals(secret.filter((name) => !soundsSecret(name)), []);
  assertEquals(plain.filter(soundsSecret), []);
  const spec = parseJobSpec(
    { argv: ["x"], env: { A: "1", B: "2", C_TOKEN: "3" }, secrets: ["B"] },
    { user: "u" },
  );
  assertEquals(shownSpec(spec).env, { A: "1", B: REDACTED, C_TOKEN: REDACTED });
  assertEquals(spec.env.B, "2", "what is stored stays as it is");
});

Deno.test("what is wrong with a variable's value is said without the value", () => {
  const wrong = { argv: ["x"], env: { TOKEN: { hunter2: 1 } } };
  const error = assertThrows(() => parseJobSpec(wrong, { user: "u" }), IrisError);
  assertEquals([error.field, error.message], ["env.TOKEN", "env.TOKEN must be a text"]);
});

Deno.test("the task gets the real value, and so does another try; the API, events and logs do not", async () => {
  using world = makeWorld();
  const value = "hunter2-correct-horse";
  const cluster = startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`, "--log-level=debug"],
  ]);
  const [url] = await cluster.printed(/http:\/\/127\.0\.0\.1:\d+/, 30_000);
  const run = startIris(world, [
    ...["job", "run", "--name=/u/leak", `--env=DB_PASSWORD=${value}`],
    ...[`--secret-env=PLAIN=${value}`, "--env=SHOWN=yes", "--"],
    ...["sh", "-c", 'echo "$DB_PASSWORD/$PLAIN/$SHOWN" | tr a-z b-za; exit 1'],
  ]);
  assertEquals((await run.ended).code, 1);
  const turned = "ivoufs2-dpssfdu-ipstf";
  assertMatch(run.output().stdout, new RegExp(`${turned}/${turned}/zft`));

  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  const client = new IrisClient({ url, token });
  const job = await client.job("/u/leak");
  assertEquals(job.spec.env, { DB_PASSWORD: REDACTED, PLAIN: REDACTED, SHOWN: "yes" });
  const answers = await Promise.all([
    client.jobs(),
    client.eventPage({ after: "oldest", limit: 1_000 }),
    client.explain("/u/leak"),
    client.task("/u/leak", 0),
    client.tree(),
  ]);
  const page = await fetch(`${url}/jobs/${encodeURIComponent("/u/leak")}`, {
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(10_000),
  });
  const shown = JSON.stringify(answers) + await page.text();
  assert(!shown.includes(value), "an answer shows it");

  await client.retryJob("/u/leak");
  await client.wait("/u/leak");
  let output = "";
  for await (const { data } of client.logs("/u/leak")) output += atob(data);
  assertMatch(output, new RegExp(`${turned}/${turned}/zft`), "another try has it as well");
  Deno.kill(cluster.pid, "SIGTERM");
  assertEquals((await cluster.ended).code, 0);
  const { stdout, stderr } = cluster.output();
  assert(!(stdout + stderr).includes(value), "Iris's own log shows it");
});
