/** `/vms` and `/groups`: what there is of machines, and what can be done about one. */
import { type Context, Hono } from "hono";
import { IrisError } from "../../base/errors.ts";
import type { FleetApi } from "../../controller/fleet_api.ts";
import { checked } from "../../wire/invalid_field.ts";
import { MAX_VM_LINES, MAX_VM_LOG_WAIT_MS } from "../../wire/vm_limits.ts";
import { VM_STOP_SCHEMA, type VmLogsRequest } from "../../wire/vms.ts";
import { jsonBody } from "../body.ts";

/** Lines of a VM's log when nobody says how many. */
const DEFAULT_LINES = 500;
/** The longest body of a VM manager's call: its whole fleet, in bytes. */
const MAX_LINK_BYTES = 64 * 1024 * 1024;
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;
const NAME_RULE = "name must be 1 to 64 letters, digits, '.', '_' and '-'";

/** The routes under `/api/v1`. */
export function vmRoutes(fleet: FleetApi): Hono {
  const app = new Hono();
  app.get("/vms", (c) => c.json(fleet.vms({ gone: c.req.query("gone") === "true" })));
  app.get("/vms/:vm", (c) => c.json(fleet.vm(c.req.param("vm"))));
  app.get(
    "/vms/:vm/logs",
    async (c) => c.json(await fleet.vmLogs(c.req.param("vm"), logsOf(c))),
  );
  app.post("/vms/:vm/stop", async (c) => {
    const { reason } = checked(VM_STOP_SCHEMA, await jsonBody(c));
    return c.json(await fleet.stopVm(c.req.param("vm"), reason), 202);
  });
  app.post("/vms/:vm/reload", async (c) => c.json(await fleet.reloadVm(c.req.param("vm"))));
  app.get("/groups", (c) => c.json(fleet.groups()));
  app.get("/groups/:group", (c) => c.json(fleet.group(c.req.param("group"))));
  app.get("/groups/:group/explain", (c) => c.json(fleet.explainGroup(c.req.param("group"))));
  return app;
}

/** The route that VM managers in processes of their own call. */
export function linkRoute(fleet: FleetApi): Hono {
  const app = new Hono();
  app.post("/vm-managers/:name/link", async (c) => {
    // Hardly any controller has one, and what checks it takes time to load.
    const { LINK_REQUEST_SCHEMA } = await import("../../controller/vm_link_schema.ts");
    const request = checked(LINK_REQUEST_SCHEMA, await jsonBody(c, MAX_LINK_BYTES));
    const name = c.req.param("name");
    if (!NAME.test(name)) throw new IrisError("invalid", NAME_RULE, { field: "name" });
    return c.json(await fleet.link(name, request, c.req.raw.signal));
  });
  return app;
}

function logsOf(c: Context): VmLogsRequest {
  const after = countOf(c, "after", Number.MAX_SAFE_INTEGER);
  const waitMs = countOf(c, "waitMs", MAX_VM_LOG_WAIT_MS);
  return {
    tail: countOf(c, "tail", MAX_VM_LINES) ?? DEFAULT_LINES,
    ...(after === undefined ? {} : { after }),
    ...(waitMs === undefined ? {} : { waitMs }),
  };
}

/** @throws {IrisError} `invalid` */
function countOf(c: Context, field: string, max: number): number | undefined {
  const given = c.req.query(field);
  if (given === undefined) return undefined;
  if (/^\d{1,16}$/.test(given) && Number(given) <= max) return Number(given);
  const message = `${field} must be a whole number from 0 to ${max}: it is "${given}"`;
  throw new IrisError("invalid", message, { field });
}
