/** A prompt that does not show what is typed. Blocks its thread until the line ends. */

const encoder = new TextEncoder();

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** Terminals send one or the other for the backspace key. */
const BACKSPACE = 0x08;
const DELETE = 0x7f;

const CLEAR_LINE = "\r\u001b[K";
const TO_PREVIOUS_LINE = "\r\u001b[1F";

/** Options of {@linkcode promptSecret}. */
export type PromptSecretOptions = {
  /** What to show for each typed character; nothing when empty. Default `*`. */
  mask?: string;
  /** Whether to remove the line when done, instead of starting a new one. */
  clear?: boolean;
};

/**
 * Asks for a line of text on the terminal and shows a mask in its place.
 *
 * Enter or the end of the input ends it, backspace removes. Signals still work: Ctrl-C interrupts the
 * process. Ctrl-D is a character like others.
 *
 * @param message what to show in front, a space follows
 * @returns what was typed, or `null` when stdin is not a terminal
 */
export function promptSecret(
  message = "Secret",
  options: PromptSecretOptions = {},
): string | null {
  const { mask = "*", clear = false } = options;
  if (!Deno.stdin.isTerminal()) return null;
  const { columns } = Deno.consoleSize();
  const prompt = `${message} `;
  const redraw = mask === "" ? () => {} : maskPainter(prompt, { mask, columns });
  write(prompt);
  // Windows has no mode that passes single characters on and keeps signals.
  Deno.stdin.setRaw(
    true,
    Deno.build.os === "windows" ? undefined : { cbreak: true },
  );
  try {
    return readLine(redraw);
  } finally {
    write(clear ? CLEAR_LINE : "\n");
    Deno.stdin.setRaw(false);
  }
}

/** Paints prompt and mask anew after each key; only the terminal line with the cursor changes. */
function maskPainter(
  prompt: string,
  { mask, columns }: { mask: string; columns: number },
): (count: number) => void {
  let before = prompt.length;
  return (count) => {
    const text = prompt + mask.repeat(count);
    const inLastLine = text.length % columns;
    const hasShrunk = text.length < before;
    before = text.length;
    // The first character of a line is written where the terminal wrapped: nothing to clear there.
    if (hasShrunk || inLastLine !== 1) write(CLEAR_LINE);
    if (hasShrunk && inLastLine === 0) write(TO_PREVIOUS_LINE);
    write(text.length > columns ? text.slice(-(inLastLine || columns)) : text);
  };
}

/** Reads bytes up to the end of the line. Calls back with how many there are after each. */
function readLine(onChange: (count: number) => void): string {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  while (Deno.stdin.readSync(one)) {
    const byte = one[0] as number;
    if (byte === CARRIAGE_RETURN || byte === LINE_FEED) break;
    if (byte === BACKSPACE || byte === DELETE) bytes.pop();
    else bytes.push(byte);
    onChange(bytes.length);
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

function write(text: string): void {
  Deno.stdout.writeSync(encoder.encode(text));
}
