import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";
import { mayCall, webhookProblem } from "../../src/wire/webhook.ts";

Deno.test("a webhook is https, or http on the controller's own host", () => {
  for (
    const good of [
      ...["https://example.com/a?b=c", "https://10.0.0.1:8443/", "http://127.0.0.1:80/x"],
      ...["http://localhost/", "http://[::1]:9/"],
    ]
  ) assertEquals(webhookProblem(good), null, good);
  const bad: [string, RegExp][] = [
    ["http://example.com/", /must begin with https/],
    ["http://169.254.169.254/latest", /must begin with https/],
    ["http://127.0.0.1.example.com/", /must begin with https/],
    ["file:///etc/passwd", /must begin with https/],
    ["ftp://localhost/", /must begin with https/],
    ["https://a:b@example.com/", /must not hold a name/],
    ["nonsense", /must be a URL/],
    [`https://example.com/${"a".repeat(3_000)}`, /at most 2048/],
  ];
  for (const [text, says] of bad) assertMatch(webhookProblem(text) ?? "", says, text);
});

Deno.test("only hosts that a controller was told are called, its own only by name", () => {
  const may = (url: string, ...hosts: string[]) => mayCall(url, hosts);
  assertEquals(may("https://example.com/"), false);
  assertEquals(may("https://example.com/", "example.com"), true);
  assertEquals(may("https://EXAMPLE.com/", "example.com"), true);
  assertEquals(may("https://example.com:444/", "example.com:443"), false);
  assertEquals(may("https://example.com/", "example.com:443"), true);
  assertEquals(may("https://a.example.com/", "*.example.com"), true);
  assertEquals(may("https://example.com/", "*.example.com"), false);
  assertEquals(may("https://evilexample.com/", "*.example.com"), false);
  assertEquals(may("https://example.com/", "*"), true);
  assertEquals(may("https://localhost/", "*"), false);
  assertEquals(may("http://127.0.0.1:81/", "*"), false);
  assertEquals(may("http://2130706433/", "*"), false, "another way to write 127.0.0.1");
  assertEquals(may("http://127.0.0.1:81/", "127.0.0.1:81"), true);
  assertEquals(may("http://127.0.0.1:82/", "127.0.0.1:81"), false);
  assertEquals(may("http://example.com/", "example.com"), false);
});

Deno.test("a submit with a webhook that is none names the field", () => {
  const submit = (webhook: unknown) =>
    parseJobSpec({ argv: ["true"], webhook }, { user: "ada" }).webhook;
  assertEquals(submit("https://example.com/a"), "https://example.com/a");
  assertEquals(submit(null), null);
  for (const bad of ["http://example.com/", 7, "", {}]) {
    const error = assertThrows(() => submit(bad), IrisError);
    assertEquals([error.code, error.field], ["invalid", "webhook"]);
    assertMatch(error.message, /^webhook must /);
  }
});
