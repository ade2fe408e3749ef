/** What comes from outside is data wherever it is shown: in pages, answers, headers, logs and paths. */
import { assert, assertEquals } from "@std/assert";
import { configureLog, logger } from "../../src/base/log.ts";
import { ACCESS } from "../../src/http/access.ts";
import type { JobView } from "../../src/wire/api.ts";
import { sampleRegistration } from "../support/core_world.ts";
import { ADMIN_TOKEN, jobPath, secureApp } from "../support/secure_app.ts";

const HTML = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`;
// deno-lint-ignore no-control-regex -- control characters are what it is about
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const ANSI = "\x1b[31mred\x1b[0m\r\nSet-Cookie: a=b\u202e";

Deno.test("whatever a field holds, a page shows it as text", async () => {
  const { api, as, submit } = secureApp();
  const job = "/ada/job";
  await submit(job, {
    ...{ argv: ["sh", HTML], env: { A: HTML }, cwd: `/${HTML}`, replicas: 2 },
    entries: [HTML, HTML],
  });
  await api.register({
    ...sampleRegistration("w1"),
    ...{ hostname: HTML, version: HTML, attributes: { zone: HTML }, url: `http://${HTML}` },
  });
  await api.drainWorker("w1", HTML);
  api.write(job, { task: 0, attempt: 0, stream: "stdout", offset: 0, data: btoa(`${HTML}\n`) });
  const seen = api.job.bind(api);
  api.job = (name) => {
    const found = seen(name);
    return found === null ? null : { ...found, reason: HTML } satisfies JobView;
  };
  const tasks = api.tasks.bind(api);
  api.tasks = (name, page) =>
    tasks(name, page).map((task) => ({ ...task, detail: HTML, worker: HTML }));
  const pages = Object.keys(ACCESS)
    .filter((route) => /^GET \/(?!api\/|healthz|readyz|openapi|assets|.*\.(js|css))/.test(route));
  assert(pages.length >= 5);
  for (const route of pages) {
    const path = route.slice(4).replace(":name", encodeURIComponent(job)).replace(":index", "0")
      .replace(/:\w+/, encodeURIComponent(HTML));
    const answer = await as(ADMIN_TOKEN)(path);
    const text = await answer.text();
    if (!answer.headers.get("Content-Type")?.startsWith("text/html")) continue;
    assertEquals(/<script>alert|<img src=x|"'>/.exec(text), null, path);
  }
});

Deno.test("answers that say what was asked for hold no control characters, and are never pages", async () => {
  const { as } = secureApp();
  const admin = as(ADMIN_TOKEN);
  const odd = encodeURIComponent(ANSI);
  for (
    const [path, init] of [
      [`/api/v1/jobs/${odd}`, {}],
      [`/api/v1/${odd}`, {}],
      [`/${odd}`, {}],
      [`/api/v1/workers/${odd}`, {}],
      [`/api/v1/jobs?state=${odd}`, {}],
      [`/api/v1/jobs?limit=${odd}`, {}],
      [`/api/v1/jobs/${encodeURIComponent(HTML)}`, {}],
      ["/api/v1/jobs", { method: "POST", body: JSON.stringify({ [ANSI]: 1 }) }],
      ["/api/v1/jobs", { method: "POST", body: JSON.stringify({ name: ANSI, argv: ["x"] }) }],
      ["/api/v1/tokens", {
        method: "POST",
        body: JSON.stringify({ user: ANSI, role: "user" }),
      }],
    ] as const
  ) {
    const answer = await admin(path, init);
    assert(answer.status >= 400, path);
    assertEquals(answer.headers.get("Content-Type"), "application/json", path);
    assertEquals(answer.headers.get("X-Content-Type-Options"), "nosniff");
    assertEquals(answer.headers.get("Set-Cookie"), null, path);
    const { error } = await answer.json();
    assertEquals(CONTROL.exec(error.message + (error.field ?? "")), null, path);
  }
});

Deno.test("what others write stays on its line of the log, and does not speak to the terminal", () => {
  const written: string[] = [];
  const { writeSync } = Deno.stderr;
  Deno.stderr.writeSync = (bytes) => {
    written.push(new TextDecoder().decode(bytes));
    return bytes.length;
  };
  try {
    configureLog("info", "test");
    logger("http").info("{what} came", { what: `${ANSI}\nand a line of its own` });
    logger("http").info`${"x".repeat(100_000)}`;
  } finally {
    Deno.stderr.writeSync = writeSync;
  }
  assertEquals(written.map((line) => line.split("\n").length), [2, 2]);
  for (const line of written) {
    assertEquals(CONTROL.exec(line), null);
    assert(line.length < 20_000);
  }
});

Deno.test("no path leads out of what a route is about", async () => {
  const { as } = secureApp();
  const admin = as(ADMIN_TOKEN);
  const escapes = [
    ...["../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd"],
    ...["..%5c..%5cetc", "%2fetc%2fpasswd", "....//....//etc/passwd", "%00", "..;/etc/passwd"],
  ];
  for (const base of ["/api/v1/bundles/", "/assets/", "/dashboard/", "/api/v1/vms/", "/login/"]) {
    for (const escape of escapes) {
      const answer = await admin(`${base}${escape}`);
      const text = await answer.text();
      assert(answer.status >= 400, `${base}${escape}: ${answer.status}`);
      assert(!text.includes("root:"), `${base}${escape}`);
    }
  }
  const named = async (name: string) => {
    const body = JSON.stringify({ name, argv: ["x"] });
    const answer = await admin("/api/v1/jobs", { method: "POST", body });
    await answer.body?.cancel();
    return answer.status;
  };
  for (
    const name of [
      "/../x",
      "/a/../b",
      "/a/..",
      "../x",
      "/a/./b",
      "/a//b",
      "/a/b\0",
      "/a/b/",
      "//a/b",
    ]
  ) assertEquals(await named(name), 400, name);
  const upload = await admin(`/api/v1/bundles/${escapes[1]}`, { method: "PUT", body: "x" });
  assertEquals(upload.status, 400);
  await upload.body?.cancel();
  const output = await admin(jobPath("/ada/job", "/outputs/..%2f1"));
  assertEquals(output.status, 400);
  await output.body?.cancel();
});
