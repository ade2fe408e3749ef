/** What a user sees of the jobs of others: nothing, on any page and in any answer. */
import { assert, assertEquals } from "@std/assert";
import { ACCESS } from "../../src/http/access.ts";
import { sampleRegistration } from "../support/core_world.ts";
import { secureApp } from "../support/secure_app.ts";

const OWN = "/ada/harvest";
const FOREIGN = "/bob/moonshot";

/** Routes without a job in them that a role may read, called in every way that is not a wait. */
function readable(role: "user" | "viewer"): string[] {
  return Object.entries(ACCESS)
    .filter(([route, access]) =>
      route.startsWith("GET ") && access !== "open" && access[role] !== undefined &&
      !route.includes("/jobs/:name")
    )
    .map(([route]) => route.slice(4).replace(":name", "w1").replace(/:\w+/, "x"));
}

async function textOf(answer: Response): Promise<string> {
  const type = answer.headers.get("Content-Type") ?? "";
  if (!type.startsWith("text/event-stream")) return await answer.text();
  // A stream says what there is to say at once, and goes on.
  const reader = answer.body!.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

async function seen(role: "user" | "viewer", name: string): Promise<string[]> {
  const { api, as, submit, tokens } = secureApp();
  await submit(OWN);
  await submit(FOREIGN);
  await api.register(sampleRegistration("w1"));
  const found: string[] = [];
  for (const path of readable(role)) {
    for (const query of ["", "?after=oldest&limit=100", "?q=o&user=bob"]) {
      const text = await textOf(await as(tokens[role])(`${path}${query}`));
      if (text.includes(name.split("/")[2]!)) found.push(path);
    }
  }
  return [...new Set(found)];
}

Deno.test("no list, page or event tells a user of a job of somebody else", async () => {
  assertEquals(await seen("user", FOREIGN), []);
  const own = await seen("user", OWN);
  assert(own.includes("/api/v1/jobs") && own.includes("/api/v1/events"), own.join());
  assert((await seen("viewer", FOREIGN)).length >= own.length, "a viewer sees all");
});
