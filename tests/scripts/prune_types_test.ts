import { assertEquals, assertThrows } from "@std/assert";
import { exportedNames, pruneTypes } from "../../scripts/client/prune_types.ts";

const BUNDLED = `/** On top of a file. */
import * as v from "valibot";
/** A door. */
export declare class Door { #private;
  /** Speaks of Hidden only here. */
  open(): Key;
}
/** A key. */
interface Key { readonly size: Size;
}
export {};
type Size = "s" | "m";
/** Of no use to anybody. */
export declare const HIDDEN: v.StringSchema<undefined>;
export interface Hidden { readonly a: string }
`;

Deno.test("of bundled types what is exported is kept, with what it speaks of, and nothing else", () => {
  const source = 'export { Door } from "./door.ts";\nexport type { Size } from "./size.ts";\n';
  const exported = exportedNames(source);
  assertEquals(exported, [{ name: "Door", isType: false }, { name: "Size", isType: true }]);
  const pruned = pruneTypes(BUNDLED, exported);
  assertEquals(
    pruned,
    `/** A door. */
declare class Door { #private;
  /** Speaks of Hidden only here. */
  open(): Key;
}
/** A key. */
interface Key { readonly size: Size;
}
type Size = "s" | "m";
export { Door };
export type { Size };
`,
  );
});

Deno.test("a name that is not declared, or is declared twice, stops the build", () => {
  const missing = exportedNames('export { Window } from "./window.ts";');
  assertThrows(() => pruneTypes(BUNDLED, missing), Error, "Window is exported and not declared");
  const twice = `${BUNDLED}\nexport interface Key { readonly b: string }\n`;
  assertThrows(() => pruneTypes(twice, []), Error, "Key is declared in two files");
});
