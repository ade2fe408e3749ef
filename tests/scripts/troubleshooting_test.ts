/** docs/troubleshooting.md quotes what Iris says: each message has to be in the sources still. */
import { assert, assertEquals } from "@std/assert";
import { readTree } from "../../scripts/lint/tree.ts";

/** Parts of a message with less in them say nothing. */
const LEAST = 3;

/** The messages of a page: what stands first in the entries of its lists. */
function messagesOf(page: string): string[] {
  const entries = page.split(/\n- /).slice(1).map((entry) => entry.replaceAll(/\n\s+/g, " "));
  return entries.map((entry) => {
    const [, message] = /^`([^`]+)`/.exec(entry) ?? [];
    assert(message !== undefined, `an entry that begins with no message: ${entry.slice(0, 80)}`);
    return message;
  });
}

/** Source text without comments, in which a message that is put together from several literals is one. */
function joined(source: string): string {
  return source.replaceAll(/^\s*(\/\/|\/?\*).*$/gm, "").replaceAll(/(["`])\s*\+\s*\n?\s*["`]/g, "")
    .replaceAll('\\"', '"');
}

/** Whether the fixed parts of a message follow each other in a file. */
function says(message: string, sources: readonly string[]): boolean {
  const parts = message.split("...").map((part) => part.trim()).filter((part) =>
    part.length >= LEAST
  );
  const pattern = new RegExp(
    parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("[^]{0,240}?"),
  );
  return parts.length > 0 && sources.some((source) => pattern.test(source));
}

const tree = await readTree();
const sources = [...tree].filter(([path]) => path.startsWith("src/") && path.endsWith(".ts"))
  .map(([, text]) => joined(text));

Deno.test("a message that Iris does not print is found out", () => {
  assert(says("No cluster of yours is running: start one with ...", sources));
  assertEquals(says("No cluster of yours is walking: start one with ...", sources), false);
  assertEquals(says("...", sources), false);
});

Deno.test("every message in the troubleshooting page is one that Iris prints", () => {
  const messages = messagesOf(tree.get("docs/troubleshooting.md") ?? "");
  assert(messages.length > 60, `${messages.length} messages`);
  assertEquals(messages.filter((message) => !says(message, sources)), []);
});
