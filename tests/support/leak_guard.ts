/**
 * Loaded before every test file (`--preload` of the test tasks): each test of the project runs under
 * the leak check, whether it asks for it or not. What a test leaves behind (isolate threads, child
 * processes, listening sockets, open files, temporary folders) fails it and is named.
 */
import { withLeakCheck } from "./leak_check.ts";

type Body = (context: Deno.TestContext) => void | Promise<void>;

const original = Deno.test;

/** Every form of `Deno.test`, as one definition. */
function definitionOf(args: unknown[]): Deno.TestDefinition {
  const definition: Partial<Deno.TestDefinition> = {};
  for (const arg of args) {
    if (typeof arg === "string") definition.name = arg;
    else if (typeof arg === "function") definition.fn = arg as Body;
    else Object.assign(definition, arg);
  }
  const { fn } = definition;
  if (fn === undefined) throw new TypeError("A test needs a function");
  return { ...definition, name: definition.name ?? fn.name, fn };
}

function guarded(...args: unknown[]): void {
  const definition = definitionOf(args);
  const { fn } = definition;
  original({ ...definition, fn: (context) => withLeakCheck(() => fn(context)) });
}

Object.defineProperty(Deno, "test", { value: Object.assign(guarded, original) });
