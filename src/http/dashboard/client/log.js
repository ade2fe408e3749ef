/**
 * Follows a log from where the page has it: colours, search, and the end in view for as long as the
 * reader stays there. What comes from outside goes into the page as text only.
 */
import { PLAIN, render } from "./ansi.js";
import { eventsOf, later } from "./stream.js";

/** Lines that stay on the page, and how long one may get, in characters. */
const MAX_LINES = 5_000;
const MAX_LINE_CHARS = 16 * 1024;
/** Before the connection is made anew, in ms: doubled each time. */
const PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;
/** A connection that says nothing for so long is lost: the server speaks every 10 s. */
const SILENCE_MS = 30_000;
/** A longer cursor does not go into a header. */
const MAX_HEADER_CHARS = 4_096;
/** Errors after which trying again is of no use. */
const FINAL = new Set(["gone", "invalid", "not_found"]);
/** So near its end a log is followed, in pixels. */
const NEAR = 40;

/** The lines of a log on the page. */
class LogView {
  #box;
  #prefix;
  #follow;
  /** By stream of an attempt: its decoder, its line that may still grow, up to where it was seen. */
  #streams = new Map();
  #search = "";

  constructor(box, follow) {
    this.#box = box;
    this.#follow = follow;
    this.#prefix = box.dataset.prefix === "yes";
    for (const line of box.querySelectorAll("[data-ansi]")) {
      line.replaceChildren();
      render(line, line.dataset.ansi, PLAIN);
    }
    for (const line of box.querySelectorAll("[data-key]")) {
      const stream = this.#stream(line.dataset.key);
      stream.line = line;
      stream.raw = line.dataset.ansi ?? line.textContent;
      stream.decoder.decode(bytesOf(line.dataset.rest), { stream: true });
    }
    this.toEnd();
    box.addEventListener("scroll", () => {
      const near = box.scrollTop + box.clientHeight >= box.scrollHeight - NEAR;
      if (this.#follow.checked !== near) this.#follow.checked = near;
    });
    follow.addEventListener("change", () => this.toEnd());
  }

  toEnd() {
    if (this.#follow.checked) this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Forgets what is shown: it comes again. */
  clear() {
    this.#box.replaceChildren();
    this.#streams.clear();
  }

  /** Shows only lines with a text. @returns how many these are, of how many */
  search(text) {
    this.#search = text.toLowerCase();
    for (const line of this.#box.children) this.#match(line);
    this.highlight();
    this.toEnd();
    const all = this.#box.childElementCount;
    return [all - this.#box.querySelectorAll(":scope > [hidden]").length, all];
  }

  /** Marks what was searched for, without touching the page. */
  highlight() {
    if (!("highlights" in CSS)) return;
    CSS.highlights.delete("found");
    if (this.#search === "") return;
    const ranges = [];
    const walker = document.createTreeWalker(this.#box, NodeFilter.SHOW_TEXT);
    for (
      let node = walker.nextNode();
      node !== null && ranges.length < 2_000;
      node = walker.nextNode()
    ) {
      const text = node.data.toLowerCase();
      for (let at = text.indexOf(this.#search); at >= 0; at = text.indexOf(this.#search, at + 1)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, at + this.#search.length);
        ranges.push(range);
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
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

  #match(line) {
    line.hidden = this.#search !== "" && !line.textContent.toLowerCase().includes(this.#search);
  }

  #write(stream, { task, stream: name, end }, text) {
    const pieces = text.split("\n");
    pieces.forEach((piece, at) => {
      const over = at < pieces.length - 1;
      if (stream.line === null && (piece !== "" || over)) {
        stream.line = document.createElement("div");
        if (name === "stderr") stream.line.className = "err";
        stream.raw = this.#prefix ? `${task} | ` : "";
        this.#box.append(stream.line);
      }
      if (stream.line === null) return;
      const left = MAX_LINE_CHARS - stream.raw.length;
      if (piece !== "" && left > 0) stream.raw += piece.slice(0, left);
      stream.line.replaceChildren();
      const after = render(stream.line, stream.raw, stream.look);
      if (this.#search !== "") this.#match(stream.line);
      if (over || end === true) [stream.line, stream.look] = [null, after];
    });
    while (this.#box.childElementCount > MAX_LINES) this.#box.firstElementChild.remove();
    this.toEnd();
  }

  #stream(key) {
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = { decoder: new TextDecoder(), line: null, raw: "", look: PLAIN, place: 0 };
      this.#streams.set(key, stream);
    }
    return stream;
  }
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
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
async function follow(box, { view, say, found }) {
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
      const options = { abort: () => abort.abort(), silenceMs: SILENCE_MS };
      for await (const { id, event, data } of eventsOf(response, options)) {
        tries = 0;
        if (event === "error" && FINAL.has(data.code)) return say(`${data.message}.`);
        if (event === "error") throw new Error(data.message);
        if (event === "mark") [cursor] = [id, found()];
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

/** Shows the log of the page, and goes on with it. */
export function showLog(box) {
  const state = document.querySelector("#log-state");
  const view = new LogView(box, document.querySelector("#log-follow"));
  const search = document.querySelector("#log-search");
  const matches = document.querySelector("#log-matches");
  const found = () => {
    if (search.value === "") return matches.textContent = "";
    const [shown, all] = view.search(search.value);
    matches.textContent = `${shown} of ${all} lines`;
  };
  search.addEventListener("input", () => {
    if (search.value === "") view.search("");
    found();
  });
  document.querySelector("#log-tools").hidden = false;
  // owner: the page, for as long as it is open.
  follow(box, { view, found, say: (text) => state.textContent = text });
}
