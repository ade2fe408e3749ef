/**
 * A real browser without a screen, driven over its DevTools protocol: opens pages and evaluates in them.
 * Its profile is a folder of its own, it reaches this machine alone, and it is ended by its pid.
 */
import { assert } from "@std/assert";
import { hasCommand } from "./require.ts";

/** How long a start, and one call, may take, in ms. */
const START_MS = 30_000;
const CALL_MS = 20_000;
/** How long one look at a page may take, in ms. */
const LOOK_MS = 5_000;

/** Whether there is one: Debian's package `chromium`. */
export function hasChromium(): Promise<boolean> {
  return hasCommand("chromium");
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

interface Call {
  readonly resolve: (result: Record<string, unknown>) => void;
  readonly reject: (error: Error) => void;
}

/** One browser. */
export class Chromium implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, Call>();
  readonly #listeners = new Set<(message: Message) => void>();
  #nextId = 1;

  private constructor(process: Deno.ChildProcess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#arrive(JSON.parse(String(data)) as Message);
    socket.onclose = () => {
      for (const { reject } of this.#calls.values()) reject(new Error("The browser is gone"));
    };
  }

  /** Starts one. */
  static async start(): Promise<Chromium> {
    const profile = Deno.makeTempDirSync({ prefix: "iris-chromium-" });
    const process = new Deno.Command("chromium", {
      args: [
        ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        ...["--no-first-run", "--disable-background-networking", "--disable-component-update"],
        ...["--disable-sync", "--disable-extensions", "--disable-default-apps", "--mute-audio"],
        ...["--disable-breakpad", "--disable-crash-reporter"],
        ...["--disable-features=OptimizationHints,MediaRouter,Translate", "--no-pings"],
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ...[`--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank"],
      ],
      env: { HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
      ...{ stdin: "null", stdout: "null", stderr: "null" },
    }).spawn();
    try {
      const socket = new WebSocket(await debuggerOf(profile, process));
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = () => reject(new Error("The browser cannot be spoken to"));
      });
      return new Chromium(process, profile, socket);
    } catch (error) {
      process.kill("SIGKILL");
      await process.status;
      Deno.removeSync(profile, { recursive: true });
      throw error;
    }
  }

  /** Opens a page and waits until it is loaded. */
  async open(url: string): Promise<BrowserPage> {
    const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.call("Target.attachToTarget", attach);
    const page = new BrowserPage(this, String(sessionId));
    await page.call("Page.enable", {});
    await page.go(url);
    return page;
  }

  /** One call of the protocol, of the browser or of a page. */
  async call(
    method: string,
    params: Record<string, unknown>,
    sessionId?: string,
  ): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
    this.#calls.set(id, { resolve, reject });
    const timer = setTimeout(() => reject(new Error(`${method} took too long`)), CALL_MS);
    const session = sessionId === undefined ? {} : { sessionId };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#calls.delete(id);
    }
  }

  /** Resolves at the next event of this kind in a page. */
  event(method: string, sessionId: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (end: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        end();
      };
      const listener = (message: Message) => {
        if (message.method === method && message.sessionId === sessionId) done(resolve);
      };
      const timer = setTimeout(() => done(() => reject(new Error(`no ${method}`))), CALL_MS);
      this.#listeners.add(listener);
    });
  }

  /** Ends the browser with everything that it started, and removes its profile. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.addEventListener("close", resolve));
    const children = childrenOf(this.#process.pid);
    await this.call("Browser.close", {}).catch(() => {});
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), CALL_MS);
    await this.#process.status;
    clearTimeout(timer);
    if (this.#socket.readyState !== WebSocket.CLOSED) await closed;
    for (const pid of children) await gone(pid);
    removeTree(this.#profile);
  }

  #arrive(message: Message): void {
    for (const listener of this.#listeners) listener(message);
    const call = message.id === undefined ? undefined : this.#calls.get(message.id);
    if (message.error !== undefined) call?.reject(new Error(message.error.message));
    else call?.resolve(message.result ?? {});
  }
}

/** A page that is open. */
export class BrowserPage {
  readonly #browser: Chromium;
  readonly #session: string;

  constructor(browser: Chromium, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  /** One call of the protocol. */
  call(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    return this.#browser.call(method, params, this.#session);
  }

  /** Goes somewhere and waits until that is loaded. */
  async go(url: string): Promise<void> {
    const loaded = this.#browser.event("Page.loadEventFired", this.#session);
    const [, { errorText }] = await Promise.all([loaded, this.call("Page.navigate", { url })]);
    assert(errorText === undefined, `${url}: ${errorText}`);
  }

  /** The value of an expression in the page; promises are waited for. */
  async evaluate<T>(expression: string): Promise<T> {
    const options = { returnByValue: true, awaitPromise: true };
    const answer = await this.call("Runtime.evaluate", { expression, ...options });
    const { result, exceptionDetails } = answer as {
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string } };
    };
    assert(exceptionDetails === undefined, exceptionDetails?.exception?.description);
    return result.value;
  }

  /** Waits until an expression is true in the page, and says what it was when that takes too long. */
  async until(expression: string, timeoutMs: number): Promise<void> {
    // One call must not take longer than calls may.
    const looks = `new Promise((resolve) => {
      const end = Date.now() + ${Math.min(LOOK_MS, timeoutMs)};
      const look = () => (${expression}) ? resolve(true)
        : Date.now() > end ? resolve(false) : setTimeout(look, 20);
      look();
    })`;
    const giveUp = performance.now() + timeoutMs;
    while (!await this.#looked(looks)) {
      if (performance.now() < giveUp) continue;
      const text = await this.evaluate<string>("document.body.innerText.slice(-2000)");
      throw new Error(`not so in time: ${expression}\n${text}`);
    }
  }

  /** Runs a script in every page that is opened from now on, before its own. */
  async before(script: string): Promise<void> {
    await this.call("Page.addScriptToEvaluateOnNewDocument", { source: script });
  }

  /** How large the window is, in pixels, and how bright its reader likes pages. */
  async view(of: { width: number; height: number; theme: "light" | "dark" }): Promise<void> {
    const { width, height, theme } = of;
    const metrics = { width, height, deviceScaleFactor: 1, mobile: width < 500 };
    await this.call("Emulation.setDeviceMetricsOverride", metrics);
    const features = [{ name: "prefers-color-scheme", value: theme }];
    await this.call("Emulation.setEmulatedMedia", { features });
  }

  /** Whether scripts run. */
  async scripts(run: boolean): Promise<void> {
    await this.call("Emulation.setScriptExecutionDisabled", { value: !run });
  }

  /** What is seen of it, as PNG. */
  async picture(): Promise<Uint8Array> {
    const { data } = await this.call("Page.captureScreenshot", { format: "png" });
    return Uint8Array.fromBase64(String(data));
  }

  /** Presses keys, one after the other. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) {
      const text = key.length === 1 ? { text: key } : key === "Enter" ? { text: "\r" } : {};
      await this.call("Input.dispatchKeyEvent", { type: "keyDown", key, ...text });
      await this.call("Input.dispatchKeyEvent", { type: "keyUp", key });
    }
  }

  /** As {@linkcode evaluate}; false when the page was loaded anew meanwhile. */
  async #looked(expression: string): Promise<boolean> {
    try {
      return await this.evaluate<boolean>(expression);
    } catch (error) {
      if (/context|navigated/i.test(String(error))) return false;
      throw error;
    }
  }
}

/** Where its protocol is spoken: it writes that into its profile once it is up. */
async function debuggerOf(profile: string, process: Deno.ChildProcess): Promise<string> {
  const giveUp = performance.now() + START_MS;
  const ended = process.status.then(({ code }) => `the browser ended with ${code}`);
  for (;;) {
    const text = await Deno.readTextFile(`${profile}/DevToolsActivePort`).catch(() => "");
    const [port, path] = text.split("\n");
    if (port && path) return `ws://127.0.0.1:${port}${path}`;
    assert(performance.now() < giveUp, "the browser does not come up");
    const { promise: pause, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(() => resolve(null), 50);
    const over = await Promise.race([ended, pause]);
    clearTimeout(timer);
    assert(over === null, over ?? "");
  }
}

/** Everything that hangs below a process, by pid. */
function childrenOf(pid: number): number[] {
  const found: number[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const stat = statOf(entry.name);
    if (Number(stat[1]) === pid) found.push(Number(entry.name), ...childrenOf(Number(entry.name)));
  }
  return found;
}

/** State, parent, and what follows, of a process; empty when it is gone. */
function statOf(pid: string): string[] {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

/** Waits for the end of a helper of a browser that is gone; one that stays is killed. */
async function gone(pid: number): Promise<void> {
  const giveUp = performance.now() + 5_000;
  while (![undefined, "Z"].includes(statOf(String(pid))[0])) {
    if (performance.now() > giveUp) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function removeTree(folder: string): void {
  for (let tries = 0; tries < 5; tries++) {
    try {
      return Deno.removeSync(folder, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
    }
  }
}
