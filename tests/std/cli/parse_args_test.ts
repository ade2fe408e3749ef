import { assertEquals, assertThrows } from "@std/assert";
import { type Args, parseArgs, type ParseOptions } from "@std/cli/parse-args";

Deno.test("a long option takes its value behind an equals sign or from the next word", () => {
  assertEquals(parseArgs(["--host=a=b", "--port", "555", "x"]), {
    host: "a=b",
    port: 555,
    _: ["x"],
  });
  assertEquals(parseArgs(["--foo=", "bar"]), { foo: "", _: ["bar"] });
  assertEquals(parseArgs(["--a", "--b"]), { a: true, b: true, _: [] });
  assertEquals(parseArgs(["--a", ""]), { a: true, _: [""] });
});

Deno.test("short options group, and the last one may have a value", () => {
  assertEquals(parseArgs(["-abc"]), { a: true, b: true, c: true, _: [] });
  assertEquals(parseArgs(["-abc", "x"]), { a: true, b: true, c: "x", _: [] });
  assertEquals(parseArgs(["-n5", "-m=7", "-x/y"]), {
    n: 5,
    m: 7,
    x: "/y",
    _: [],
  });
  assertEquals(parseArgs(["-ab="]), { a: true, b: "", _: [] });
  assertEquals(parseArgs(["-f-", "-"]), { f: "-", _: ["-"] });
  assertEquals(parseArgs(["-123", "4"]), { 1: true, 2: true, 3: 4, _: [] });
});

Deno.test("what looks like a number becomes one, unless it is to stay text", () => {
  assertEquals(parseArgs(["-x", "1e3", "0x10", "10f", " "]), {
    x: 1000,
    _: [16, "10f", " "],
  });
  assertEquals(parseArgs(["-x", "007"], { string: "x" }), { x: "007", _: [] });
  assertEquals<unknown>(parseArgs(["8"], { string: "_" }), { _: ["8"] });
  assertEquals(parseArgs(["-x", "--y"], { string: ["x", "y"] }), {
    x: "",
    y: "",
    _: [],
  });
});

Deno.test("a boolean takes no word but true and false, and is false when absent", () => {
  assertEquals(
    parseArgs(["-a", "x", "--b", "false", "--c=false"], {
      boolean: ["a", "b", "c", "d"],
    }),
    {
      a: true,
      b: false,
      c: false,
      d: false,
      _: ["x"],
    },
  );
  assertEquals(parseArgs(["--a", "x", "-p", "5", "--t=v"], { boolean: true }), {
    a: true,
    p: 5,
    t: "v",
    _: ["x"],
  });
});

Deno.test("a boolean with another value than false is true", () => {
  assertEquals(parseArgs(["--a=maybe", "--b="], { boolean: ["a", "b"] }), {
    a: true,
    b: true,
    _: [],
  });
});

Deno.test("only negatable options are negated", () => {
  const options = { boolean: "foo", negatable: "foo" } as const;
  assertEquals(parseArgs(["--foo", "--no-foo"], options), {
    foo: false,
    _: [],
  });
  assertEquals(parseArgs(["--no-bar"], options), {
    foo: false,
    "no-bar": true,
    _: [],
  });
});

Deno.test("a negation replaces what an option collected", () => {
  const options = { string: "foo", collect: "foo", negatable: "foo" } as const;
  assertEquals(parseArgs(["--foo", "1", "--no-foo"], options), { foo: false, _: [] });
});

Deno.test("an option that collects keeps all values, another the last one", () => {
  assertEquals(
    parseArgs(["-a", "1", "-a", "2", "-b", "1", "-b", "2"], { collect: "b" }),
    {
      a: 2,
      b: [1, 2],
      _: [],
    },
  );
  assertEquals(
    parseArgs([], { string: "s", boolean: "b", collect: ["s", "b"] }),
    {
      s: [],
      b: [],
      _: [],
    },
  );
});

Deno.test("all names of an option get its value, its kind and its default", () => {
  const alias = { z: ["zm", "zoom"] };
  assertEquals(parseArgs(["--zoom", "5"], { alias }), {
    z: 5,
    zm: 5,
    zoom: 5,
    _: [],
  });
  assertEquals(parseArgs(["-z", "x"], { alias, boolean: "zoom" }), {
    z: true,
    zm: true,
    zoom: true,
    _: ["x"],
  });
  assertEquals(parseArgs([], { alias, default: { z: 1 } }), {
    z: 1,
    zm: 1,
    zoom: 1,
    _: [],
  });
  assertThrows(
    () => parseArgs([], { alias: { a: undefined } as unknown as { a: string } }),
    TypeError,
    "Alias value must be defined",
  );
});

Deno.test("a dot in a name opens an inner object, in defaults too", () => {
  assertEquals(
    parseArgs(["--a.b", "1", "--a.c.d"], {
      default: { "a.b": 2, "a.e": 3, f: null },
    }),
    {
      a: { b: 1, c: { d: true }, e: 3 },
      f: null,
      _: [],
    },
  );
});

Deno.test("two hyphens end the options", () => {
  const words = ["--name", "--", "--not", "7"];
  assertEquals(parseArgs(words), { name: true, _: ["--not", "7"] });
  assertEquals(parseArgs(words, { "--": true }), {
    name: true,
    _: [],
    "--": ["--not", "7"],
  });
});

Deno.test("with stopEarly, the first operand ends the options", () => {
  assertEquals(parseArgs(["--a", "b", "c", "--d", "5"], { stopEarly: true }), {
    a: "b",
    _: ["c", "--d", "5"],
  });
});

Deno.test("what no option names is reported, and left out on false", () => {
  const seen: unknown[] = [];
  const parsed = parseArgs([
    "--known=1",
    "--more",
    "x",
    "-b",
    "--many=2",
    "word",
  ], {
    string: "known",
    boolean: "b",
    collect: "many",
    unknown: (...of) => {
      seen.push(of);
      return false;
    },
  });
  assertEquals(seen, [["--more", "more", "x"], ["word"]]);
  assertEquals(parsed, { known: "1", b: true, many: [2], _: [] });
});

Deno.test("no name reaches the prototype of all objects", () => {
  const paths = [
    "__proto__.x",
    "constructor.prototype.x",
    "a.__proto__.x",
    "a.constructor.prototype.x",
  ];
  for (const path of paths) {
    parseArgs([`--${path}=1`, `--${path}`, "1"]);
    parseArgs(["-q", "1"], { alias: { q: path } });
    parseArgs([], { default: { [path]: 1 } });
    assertEquals(({} as Record<string, unknown>)["x"], undefined, path);
  }
  const parsed = parseArgs(["--__proto__=1", "--toString", "--constructor=1"]);
  assertEquals(Object.getPrototypeOf(parsed), Object.prototype);
  assertEquals(Object.keys(parsed), ["_", "toString"]);
});

/** Whether two types are the same; the expected one may be an intersection. */
type Same<A, B> = (<T>() => T extends Plain<A> ? 1 : 2) extends
  (<T>() => T extends Plain<B> ? 1 : 2) ? true
  : false;
type Plain<T> = T extends Date | unknown[] ? T
  : T extends object ? { [Key in keyof T]: Plain<T[Key]> }
  : T;
type Typed<T> = T & { [name: string]: unknown; _: (string | number)[] };

function isSame<Is extends boolean>(is: Is): void {
  assertEquals<boolean>(is, true);
}

Deno.test("the type of the result follows from the options", () => {
  const plain = parseArgs([]);
  // deno-lint-ignore no-explicit-any -- the published type
  isSame<Same<typeof plain, { [name: string]: any; _: (string | number)[] }>>(
    true,
  );

  const kinds = parseArgs([], {
    boolean: ["b", "in.b"],
    string: ["s", "in.s", "n"],
    collect: ["in.s", "c"],
    negatable: "n",
    alias: { b: ["bb"], s: "ss" },
  });
  isSame<
    Same<
      typeof kinds,
      Typed<
        {
          b: boolean;
          bb: boolean;
          s?: string;
          ss?: string;
          n?: string | false;
          in: { b: boolean; s: string[] };
          c: unknown[];
        }
      >
    >
  >(true);

  const defaults = parseArgs([], {
    string: ["s", "in.s", "in.t"],
    default: { s: 1, "in.s": new Date(), more: 2 },
    "--": true,
  });
  isSame<
    Same<
      typeof defaults,
      Typed<
        {
          s: string | number;
          in: { s: string | Date; t?: string };
          more: unknown;
          "--": string[];
        }
      >
    >
  >(true);
  isSame<
    Same<Args<{ a: 1 }, true>, { a: 1; _: (string | number)[]; "--": string[] }>
  >(true);
  isSame<
    Same<
      Pick<ParseOptions<"foo", "bar">, "string">,
      { string?: "bar" | ReadonlyArray<"bar"> }
    >
  >(true);
});
