/** Flags of everything that listens, or calls what listens elsewhere: addresses and certificates. */
import { IrisError } from "../../base/errors.ts";
import { type HostPort, parseHostPort } from "../../host/address.ts";
import { flagSwitch, flagText } from "./shared.ts";
import { type Parse, parseDuration } from "./quantities.ts";

const parseHost: Parse<string> = (text, flag) => {
  const found = parseHostPort(text);
  if (found !== null && found.port === null) return found.host;
  const hint = found === null ? "" : `; the port goes into --port ${found.port}`;
  throw invalid(flag, `"${text}" is not a name or an address (examples: 0.0.0.0, ::, head)${hint}`);
};

const parseAdvertise: Parse<HostPort> = (text, flag) => {
  const found = parseHostPort(text);
  if (found !== null) return found;
  throw invalid(
    flag,
    `"${text}" is not HOST or HOST:PORT (examples: head, 10.0.0.5:7000, [::1]:7000)`,
  );
};

/** `A-B`: a range of TCP ports, both among them. */
export const parsePortRange: Parse<{ readonly from: number; readonly to: number }> = (
  text,
  flag,
) => {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && from >= 1 && from <= to && to <= 65_535) return { from, to };
  throw invalid(flag, `"${text}" is not a range of ports (example: 20000-29999)`);
};

const parseOrigin: Parse<string> = (text, flag) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isWeb = url !== null && ["http:", "https:"].includes(url.protocol);
  if (isWeb && url.origin === text.toLowerCase()) return url.origin;
  const hint = isWeb ? `; did you mean ${url.origin}?` : "; each is named, there is no wildcard";
  throw invalid(flag, `"${text}" is not an origin (example: https://pages.example:8080)${hint}`);
};

/** `--allow-origin` of a mode with a controller. */
export const ORIGIN_FLAG = {
  kind: "repeated",
  parse: parseOrigin,
  value: "ORIGIN",
  help: "an origin whose pages may call the API from a browser; may be repeated",
} as const;

function invalid(flag: string, message: string): IrisError {
  return new IrisError("usage", `Invalid ${flag}: ${message}`, { field: flag });
}

/** The name of a controller's own certificate in its state folder, for workers and clients to trust. */
export const OWN_CERT = "tls-cert.pem";

/** Where a server listens, and what it shows. */
export const SERVER_FLAGS = {
  advertise: {
    kind: "value",
    parse: parseAdvertise,
    value: "HOST[:PORT]",
    help: "where others reach it, when that is not where it listens",
  },
  insecure: flagSwitch("speak plain HTTP on a network: whoever listens in can run tasks"),
  tlsCert: flagText("FILE", "the certificate it shows, with its chain (PEM)"),
  tlsKey: flagText("FILE", "the key of --tls-cert (PEM)"),
  tlsCa: flagText("FILE", "certificates it trusts in others, beside the system's (PEM)"),
} as const;

/** Whom a process works for that is part of a controller's cluster. */
export const WORKS_FOR_FLAGS = {
  controller: {
    ...flagText("URL[,URL]", "the controller it works for, and where else that may be"),
    env: "IRIS_CONTROLLER",
  },
  tokenFile: {
    ...flagText("FILE", "a file with the worker token of that controller"),
    env: "IRIS_TOKEN_FILE",
  },
} as const;

/** `--host` of a mode with a controller. */
export const HOST_FLAG = {
  kind: "value",
  parse: parseHost,
  value: "ADDRESS",
  help: "the address it listens on; 0.0.0.0 or :: for all, which needs TLS or --insecure",
  default: "127.0.0.1",
} as const;

/** The shortest silence after which a worker may count as lost, in ms. */
const MIN_LOST_AFTER_MS = 1_000;

const parseLostAfter: Parse<number> = (text, flag) => {
  const ms = parseDuration(text, flag);
  if (ms >= MIN_LOST_AFTER_MS) return ms;
  throw invalid(flag, `"${text}" is shorter than ${MIN_LOST_AFTER_MS} ms`);
};

/** `--worker-lost-after` of a controller whose workers are elsewhere. */
export const WORKER_LOST_FLAG = {
  kind: "value",
  parse: parseLostAfter,
  value: "TIME",
  help: "a worker that answers nothing for this long is given up; its tasks run elsewhere",
  default: "50s",
} as const;

/** `--host` of a worker. */
export const WORKER_HOST_FLAG = {
  kind: "value",
  parse: parseHost,
  value: "ADDRESS",
  help: "the address it listens on; all of them when the controller is on another host",
} as const;
