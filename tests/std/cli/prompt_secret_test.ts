import { assertEquals } from "@std/assert";
import { promptSecret, type PromptSecretOptions } from "@std/cli/prompt-secret";
import { stub } from "@std/testing/mock";

const CLEAR = "\r\x1b[K";

interface Terminal {
  /** Bytes as typed; the input ends behind them. */
  typed: string;
  columns?: number;
  isTerminal?: boolean;
}

/** Runs a prompt on a fake terminal. Returns the answer, what was written and the raw modes set. */
function ask(terminal: Terminal, options?: PromptSecretOptions) {
  const typed = new TextEncoder().encode(terminal.typed);
  const written: string[] = [];
  const modes: unknown[] = [];
  let at = 0;
  using _isTerminal = stub(
    Deno.stdin,
    "isTerminal",
    () => terminal.isTerminal ?? true,
  );
  using _size = stub(
    Deno,
    "consoleSize",
    () => ({ columns: terminal.columns ?? 80, rows: 20 }),
  );
  using _raw = stub(Deno.stdin, "setRaw", (...mode) => void modes.push(mode));
  using _write = stub(Deno.stdout, "writeSync", (bytes: Uint8Array) => {
    written.push(new TextDecoder().decode(bytes));
    return bytes.length;
  });
  using _read = stub(Deno.stdin, "readSync", (into: Uint8Array) => {
    if (at === typed.length) return null;
    into.set(typed.subarray(at, ++at));
    return 1;
  });
  return { answer: promptSecret("?", options), written, modes };
}

Deno.test("shows a mask for each character and a new line at the end", () => {
  const { answer, written, modes } = ask({ typed: "ab\rno" });
  assertEquals(answer, "ab");
  assertEquals(written, ["? ", CLEAR, "? *", CLEAR, "? **", "\n"]);
  const mode = Deno.build.os === "windows" ? undefined : { cbreak: true };
  assertEquals(modes, [[true, mode], [false]]);
});

Deno.test("the mask may be another, or none", () => {
  assertEquals(ask({ typed: "a\n" }, { mask: "$" }).written, [
    "? ",
    CLEAR,
    "? $",
    "\n",
  ]);
  const { answer, written } = ask({ typed: "ab\n" }, { mask: "" });
  assertEquals([answer, written], ["ab", ["? ", "\n"]]);
});

Deno.test("both backspaces remove, and nothing from nothing", () => {
  const { answer, written } = ask({ typed: "\x7fab\bc\x7f\n" });
  assertEquals(answer, "a");
  assertEquals(written.filter((text) => text !== CLEAR), [
    "? ",
    "? ",
    "? *",
    "? **",
    "? *",
    "? **",
    "? *",
    "\n",
  ]);
});

Deno.test("clear removes the line at the end", () => {
  assertEquals(ask({ typed: "\n" }, { clear: true }).written, ["? ", CLEAR]);
});

Deno.test("the end of the input ends the answer, and Ctrl-D is a character", () => {
  assertEquals(ask({ typed: "ä\x04" }).answer, "ä\x04");
});

Deno.test("a long answer goes on in the next line and back", () => {
  const { answer, written } = ask({ typed: "abc\x7f\x7f\n", columns: 4 });
  assertEquals(answer, "a");
  const back = [CLEAR, "\r\x1b[1F", "? **"];
  assertEquals(written, [
    "? ",
    CLEAR,
    "? *",
    CLEAR,
    "? **",
    "*",
    ...back,
    CLEAR,
    "? *",
    "\n",
  ]);
});

Deno.test("asks nothing without a terminal", () => {
  assertEquals(ask({ typed: "a\n", isTerminal: false }), {
    answer: null,
    written: [],
    modes: [],
  });
});

Deno.test("the terminal leaves raw mode when reading fails", () => {
  const modes: boolean[] = [];
  using _isTerminal = stub(Deno.stdin, "isTerminal", () => true);
  using _size = stub(Deno, "consoleSize", () => ({ columns: 80, rows: 20 }));
  using _raw = stub(Deno.stdin, "setRaw", (mode) => void modes.push(mode));
  using _write = stub(
    Deno.stdout,
    "writeSync",
    (bytes: Uint8Array) => bytes.length,
  );
  using _read = stub(Deno.stdin, "readSync", () => {
    throw new Deno.errors.Interrupted();
  });
  let failure: unknown;
  try {
    promptSecret();
  } catch (error) {
    failure = error;
  }
  assertEquals(failure instanceof Deno.errors.Interrupted, true);
  assertEquals(modes, [true, false]);
});
