/**
 * A terminal beside a running task: xterm.js over the socket of `iris task exec`. Loaded when it is asked
 * for. The policy of the page allows no style in the markup; the terminal's go into a sheet of the script.
 */

/** Kinds of frames: the first byte (`src/wire/exec.ts`). */
const FRAME = { stdin: 0, resize: 2, taken: 4, stdout: 16, stderr: 17, stdinTaken: 18, ended: 20 };
/** Input that may be on its way, and the most in one frame, in bytes. */
const WINDOW = 256 * 1024;
const MAX_PAYLOAD = 32 * 1024;

const HERE = import.meta.url;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function frame(kind, payload = "") {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  const all = new Uint8Array(bytes.length + 1);
  all[0] = kind;
  all.set(bytes, 1);
  return all;
}

/** A `style` element that works where none are allowed: its text becomes a sheet of the script. */
function styleElement(create) {
  const element = create("span");
  element.hidden = true;
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  new MutationObserver(() => sheet.replaceSync(element.textContent))
    .observe(element, { childList: true, characterData: true, subtree: true });
  return element;
}

/** Lets the library make its styles in the ways that the policy allows. */
function allowStyles() {
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    return name === "style" ? styleElement(create) : create(name, options);
  };
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else set.call(this, name, value);
  };
}

async function libraries() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("./xterm.css", HERE).pathname;
  document.head.append(link);
  // Beside this module only where they are served.
  const names = ["./xterm.js", "./xterm-fit.js"];
  const [{ Terminal }, { FitAddon }] = await Promise.all(names.map((name) => import(name)));
  return { Terminal, FitAddon };
}

/** The words of a command line: quotes keep words together. */
export function words(line) {
  const found = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)];
  return found.map(([, double, single, plain]) => double ?? single ?? plain);
}

let ready = null;

async function open(form, screen, say) {
  const argv = words(form.elements.command.value);
  if (argv.length === 0) return say("Which command?");
  say("Loading the terminal.");
  if (ready === null) {
    allowStyles();
    ready = libraries();
  }
  const { Terminal, FitAddon } = await ready;
  screen.replaceChildren();
  const terminal = new Terminal({
    ...{ fontSize: 13, cursorBlink: true, scrollback: 5_000, rows: 24, cols: 80 },
    ...{ fontFamily: "ui-monospace, Menlo, Consolas, monospace", screenReaderMode: true },
    theme: { background: "#16161b", foreground: "#ebeaf2" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(screen);
  fit.fit();
  terminal.focus();
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  run(new WebSocket(`${scheme}//${location.host}${form.dataset.exec}`), {
    ...{ argv, terminal, say },
    resized: (tell) =>
      addEventListener("resize", () => {
        fit.fit();
        tell();
      }),
  });
}

/** Speaks for the terminal until the command ends. */
function run(socket, { argv, terminal, say, resized }) {
  let [credit, over] = [WINDOW, false];
  const waiting = [];
  const send = (kind, payload) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(frame(kind, payload));
  };
  const flush = () => {
    while (waiting.length > 0 && credit > 0) {
      const bytes = waiting[0].subarray(0, Math.min(credit, MAX_PAYLOAD));
      credit -= bytes.length;
      send(FRAME.stdin, bytes);
      if (bytes.length === waiting[0].length) waiting.shift();
      else waiting[0] = waiting[0].subarray(bytes.length);
    }
  };
  const size = () => ({ rows: terminal.rows, columns: terminal.cols });
  const end = (text) => {
    if (over) return;
    over = true;
    say(text);
    terminal.options.disableStdin = true;
    terminal.options.cursorBlink = false;
  };
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    socket.send(JSON.stringify({ argv, terminal: size(), term: "xterm-256color" }));
    say("Open. It ends with its command, or when this page is left.");
  };
  socket.onmessage = ({ data }) => {
    const bytes = new Uint8Array(data);
    const rest = bytes.subarray(1);
    if (bytes[0] === FRAME.stdout || bytes[0] === FRAME.stderr) {
      terminal.write(rest, () => send(FRAME.taken, String(rest.length)));
    } else if (bytes[0] === FRAME.stdinTaken) {
      credit += Number(decoder.decode(rest));
      flush();
    } else if (bytes[0] === FRAME.ended) {
      const { code, why, error } = JSON.parse(decoder.decode(rest));
      end(error === undefined ? `Ended with ${code}${why ? `: ${why}` : ""}.` : error.message);
    }
  };
  socket.onclose = () => end("The connection was lost.");
  terminal.onData((text) => (waiting.push(encoder.encode(text)), flush()));
  terminal.onBinary((text) => {
    waiting.push(Uint8Array.from(text, (c) => c.charCodeAt(0)));
    flush();
  });
  resized(() => send(FRAME.resize, JSON.stringify(size())));
}

/** Shows what is needed to open a terminal. */
export function offerTerminal(box) {
  const form = box.querySelector("form[data-exec]");
  if (form === null) return;
  const state = box.querySelector("#terminal-state");
  const say = (text) => state.textContent = text;
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // owner: the page; what goes wrong is said on it.
    open(form, box.querySelector(".screen"), say).catch((error) => say(error.message));
  });
}
