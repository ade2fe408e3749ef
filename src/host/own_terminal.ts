/**
 * The terminal that this process itself is used at: its size, and raw mode, in which every key goes
 * to whoever reads. Whoever takes raw mode gives it back.
 */

const SYMBOLS = {
  tcgetattr: { parameters: ["i32", "buffer"], result: "i32" },
  tcsetattr: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  cfmakeraw: { parameters: ["buffer"], result: "void" },
} as const;
const STDIN = 0;
const TCSADRAIN = 1;
/** Room for `struct termios` of any libc. */
const TERMIOS_BYTES = 256;

/** How large it is, in characters. */
export interface OwnSize {
  readonly rows: number;
  readonly columns: number;
}

/** True when a person sits at both ends: types, and sees. */
export function atTerminal(): boolean {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
}

/** Its size now. */
export function ownSize(): OwnSize {
  try {
    const { rows, columns } = Deno.consoleSize();
    return { rows: Math.max(1, rows), columns: Math.max(1, columns) };
  } catch {
    return { rows: 24, columns: 80 };
  }
}

/**
 * Takes raw mode, and tells of each new size.
 *
 * @returns gives both back
 */
export function takeRaw(onResize: (size: OwnSize) => void): () => void {
  const listener = () => onResize(ownSize());
  const giveBack = makeRaw();
  Deno.addSignalListener("SIGWINCH", listener);
  return () => {
    Deno.removeSignalListener("SIGWINCH", listener);
    giveBack();
  };
}

/** Raw in both directions: `Deno.stdin.setRaw` goes on changing what is written. */
function makeRaw(): () => void {
  const libc = Deno.dlopen("libc.so.6", SYMBOLS);
  const before = new Uint8Array(TERMIOS_BYTES);
  libc.symbols.tcgetattr(STDIN, before);
  const raw = before.slice();
  libc.symbols.cfmakeraw(raw);
  libc.symbols.tcsetattr(STDIN, TCSADRAIN, raw);
  let given = false;
  return () => {
    if (given) return;
    given = true;
    libc.symbols.tcsetattr(STDIN, TCSADRAIN, before);
    libc.close();
  };
}

/** Reads stdin, chunk by chunk, until it ends. */
export async function* readInput(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(32 * 1024);
  for (;;) {
    const size = await Deno.stdin.read(buffer);
    if (size === null) return;
    yield buffer.slice(0, size);
  }
}
