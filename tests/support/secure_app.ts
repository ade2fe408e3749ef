/** The controller's application over a fake controller, with a token of each role. */
import { createApp } from "../../src/http/app.ts";
import { Sessions } from "../../src/http/auth.ts";
import { taskToken } from "../../src/wire/task_token.ts";
import type { Role } from "../../src/wire/token_roles.ts";
import { FakeControllerApi } from "../fakes/fake_controller_api.ts";
import { ManualClock } from "../fakes/manual_clock.ts";

/** Where the application believes to be. */
export const ORIGIN = "http://127.0.0.1:10000";

/** The admin token of the fake cluster. */
export const ADMIN_TOKEN = "a".repeat(64);
const SECRET = "s".repeat(64);

/** What a test calls with. */
export interface CallOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
  readonly remote?: string;
  readonly origin?: string;
}

/** Makes one; `call` names no token by itself. */
export function secureApp(options: { knowsHost?: (host: string) => boolean } = {}) {
  const api = new FakeControllerApi();
  const clock = new ManualClock();
  const sessions = new Sessions({ secret: ADMIN_TOKEN, clock });
  const app = createApp(api, {
    tokens: { admin: ADMIN_TOKEN, worker: "b".repeat(64), task: SECRET },
    ...{ sessions, clock, baseUrl: () => ORIGIN, version: "0.1.0", ...options },
  });
  const call = (path: string, of: CallOptions = {}) => {
    const { remote = "127.0.0.1", origin = ORIGIN, ...init } = of;
    return app.request(`${origin}${path}`, init, { remote }) as Promise<Response>;
  };
  const as = (token: string) => (path: string, of: CallOptions = {}) =>
    call(path, { ...of, headers: { Authorization: `Bearer ${token}`, ...of.headers } });
  const submit = async (name: string, more: Record<string, unknown> = {}) => {
    const body = JSON.stringify({ name, argv: ["x"], ...more });
    const answer = await as(ADMIN_TOKEN)("/api/v1/jobs", { method: "POST", body });
    if (answer.status !== 201) throw new Error(await answer.text());
    await answer.body?.cancel();
  };
  const tokens: Record<Role, string> = {
    task: taskToken(SECRET, { generation: 1, job: "/ada/job" }),
    admin: api.tokens.give("admin", "ops"),
    user: api.tokens.give("user", "ada"),
    viewer: api.tokens.give("viewer", "eve"),
    worker: api.tokens.give("worker", "w"),
    "vm-manager": api.tokens.give("vm-manager", "v"),
  };
  return { api, app, clock, sessions, call, as, submit, tokens };
}

/** The path of a job in the API. */
export function jobPath(name: string, more = ""): string {
  return `/api/v1/jobs/${encodeURIComponent(name)}${more}`;
}
