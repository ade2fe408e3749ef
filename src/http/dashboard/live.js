/**
 * Keeps a page of the dashboard alive in the browser: follows the log that it shows, and asks for the
 * facts that change. Served as it is. What comes from outside goes into the page as text only.
 */
// deno-lint-ignore-file iris/home-of-power -- this runs in a browser, which has no clock of ours

/** Lines that stay on the page, and how long one may get, in characters. */
const MAX_LINES = 5_000;
const MAX_LINE_CHARS = 16 * 1024;
/** Before the connection is made anew, in ms: doubled each time. */
const PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;
/** A connection that says nothing for so long is lost: the server speaks every 10 s. */
const SILENCE_MS = 30_000;
/** How often facts are asked for, in ms. */
const FACTS_MS = 2_000;
/** A longer cursor does not go into a header. */
const MAX_HEADER_CHARS = 4_096;
/** Errors after which trying again is of no use. */
const FINAL = new Set(["gone", "invalid", "not_found"]);

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The lines of a log on the page. */
class LogView {
  #box;
  #prefix;
  /** By stream of an attempt: its decoder, its line that may still grow, up to where it was seen. */
  #streams = new Map();

  constructor(box) {
    this.#box = box;
    this.#prefix = box.dataset.prefix === "yes";
    for (const line of box.querySelectorAll("[data-key]")) {
      const stream = this.#stream(line.dataset.key);
      stream.line = line;
      stream.decoder.decode(bytesOf(line.dataset.rest), { stream: true });
    }
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Forgets what is shown: it comes again. */
  clear() {
    this.#box.replaceChildren();
    this.#streams.clear();
  }

  /** Shows what of a piece was not seen yet. */
  add(chunk) {
    const stream = this.#stream(`${chunk.task}.${chunk.attempt}.${chunk.stream}`);
    let bytes = bytesOf(chunk.data);
    const size = chunk.gone ?? bytes.length;
    const end = chunk.end === true ? Infinity : chunk.offset + size;
    if (end <= stream.place && stream.place > chunk.offset) return;
    // A line that stands for what is gone is shown whole or not at all.
    const seen = Math.max(0, stream.place - chunk.offset);
    if (seen > 0) bytes = chunk.gone === undefined ? bytes.subarray(seen) : bytesOf("");
    stream.place = Math.max(stream.place, end);
    this.#write(stream, chunk, stream.decoder.decode(bytes, { stream: chunk.end !== true }));
  }

  #write(stream, { task, stream: name, end }, text) {
    const follows = this.#box.scrollTop + this.#box.clientHeight >= this.#box.scrollHeight - 40;
    const pieces = text.split("\n");
    pieces.forEach((piece, at) => {
      const over = at < pieces.length - 1;
      if (stream.line === null && (piece !== "" || over)) {
        stream.line = document.createElement("div");
        if (name === "stderr") stream.line.className = "err";
        stream.line.textContent = this.#prefix ? `${task} | ` : "";
        this.#box.append(stream.line);
      }
      if (stream.line === null) return;
      const left = MAX_LINE_CHARS - stream.line.textContent.length;
      if (piece !== "" && left > 0) stream.line.append(piece.slice(0, left));
      if (over || end === true) stream.line = null;
    });
    while (this.#box.childElementCount > MAX_LINES) this.#box.firstElementChild.remove();
    if (follows) this.#box.scrollTop = this.#box.scrollHeight;
  }

  #stream(key) {
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = { decoder: new TextDecoder(), line: null, place: 0 };
      this.#streams.set(key, stream);
    }
    return stream;
  }
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

/** The server-sent events of an answer, as they come. */
async function* eventsOf(response, abort) {
  let timer = setTimeout(abort, SILENCE_MS);
  let text = "";
  try {
    for await (const piece of piecesOf(response.body.pipeThrough(new TextDecoderStream()))) {
      clearTimeout(timer);
      timer = setTimeout(abort, SILENCE_MS);
      const blocks = (text + piece).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const fields = block.split("\n").map((line) => line.split(/: ?(.*)/s));
        const { id = null, event = "message", data = "" } = Object.fromEntries(fields);
        if (data !== "") yield { id, event, data: JSON.parse(data) };
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

async function* piecesOf(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // owner: the browser; whatever becomes of it, nobody reads it any more.
    reader.cancel().catch(() => {});
  }
}

function open(path, cursor, signal) {
  const headers = { Accept: "text/event-stream" };
  if (cursor === null) return fetch(path, { headers, signal });
  if (cursor.length <= MAX_HEADER_CHARS) {
    return fetch(path, { headers: { ...headers, "Last-Event-ID": cursor }, signal });
  }
  headers["Content-Type"] = "application/json";
  return fetch(path, { method: "POST", headers, signal, body: JSON.stringify({ cursor }) });
}

/** Follows a log until it is over, over connections that may be lost. */
async function follow(box, say) {
  const view = new LogView(box);
  const path = box.dataset.logs;
  let cursor = box.dataset.cursor === "" ? null : box.dataset.cursor;
  if (cursor === null) view.clear();
  for (let tries = 0;; tries++) {
    const abort = new AbortController();
    try {
      const response = await open(path, cursor, abort.signal);
      if (response.status === 401) return say("Log in again: iris cluster status gives a link.");
      if (response.status === 404 || response.status === 410) return say("This job is forgotten.");
      if (!response.ok) throw new Error(`status ${response.status}`);
      say("Live.");
      for await (const { id, event, data } of eventsOf(response, () => abort.abort())) {
        tries = 0;
        if (event === "error" && FINAL.has(data.code)) return say(`${data.message}.`);
        if (event === "error") throw new Error(data.message);
        if (event === "mark") cursor = id;
        else view.add(data);
        if (event === "mark" && data.done === true) return say("This is all of it.");
      }
    } catch (error) {
      say(`The connection was lost (${error.message}): trying again.`);
    } finally {
      abort.abort();
    }
    await later(Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** tries));
  }
}

/** Asks for the facts of the page until they are final. */
async function watchFacts(box) {
  for (;;) {
    await later(FACTS_MS);
    try {
      const response = await fetch(box.dataset.facts, { signal: AbortSignal.timeout(SILENCE_MS) });
      if (response.status === 401 || response.status === 404) return;
      const { facts, done } = await response.json();
      for (const [name, text] of Object.entries(facts)) {
        const place = box.querySelector(`[data-fact="${CSS.escape(name)}"]`);
        if (place !== null) place.textContent = text;
      }
      if (done === true) return;
    } catch {
      // The controller is away: the log says so, and it may come back.
    }
  }
}

const state = document.querySelector("#log-state");
const log = document.querySelector("#log");
const facts = document.querySelector("[data-facts]");
// owner: the page, for as long as it is open.
if (log !== null) follow(log, (text) => state.textContent = text);
if (facts !== null) watchFacts(facts);
