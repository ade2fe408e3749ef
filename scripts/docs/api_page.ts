/**
 * `docs/reference/api.md`: every route of the API, from what `/openapi.json` is made of and from the
 * table of who may call what.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { ACCESS, type Scope, UNLISTED } from "../../src/http/access.ts";
import type { ApiRoute } from "../../src/http/api_route.ts";
import { API_ROUTES, PATH_WORDS, SAME_JOB_QUERY } from "../../src/http/openapi.ts";
import { ERROR_TABLE } from "../../src/wire/error_table.ts";
import { API_SHAPES } from "./api_shapes.ts";
import { code, markdownTable, pageHead, plain, type ReferencePage } from "./page.ts";
import { shapeText } from "./shape_text.ts";

const SCOPES: Readonly<Record<Scope, string>> = {
  any: "",
  own: " (of their own jobs)",
  self: " (of its own job)",
  below: " (of jobs below its own)",
  family: " (of its own job and those below)",
  peers: " (of its user's jobs)",
};

/** What may go wrong with each kind of call. */
const WHEN: readonly (readonly [when: string, errors: readonly (keyof typeof ERROR_TABLE)[]])[] = [
  ["a token is missing or not known", ["unauthorized"]],
  ["its role, or its user, may not", ["forbidden"]],
  ["too many calls, or too many that wait", ["too_many"]],
  ["a parameter or a field of the body is wrong; `field` names it", ["usage", "invalid"]],
  ["a body is larger than is taken", ["too_large"]],
  ["what the path names does not exist", ["not_found"]],
  ["another job has that name by now (`generation`)", ["gone"]],
  ["it cannot be done in the state that things are in", ["conflict"]],
  ["a worker or VM manager speaks another version", ["incompatible"]],
  ["the database or a disk is full", ["storage_full"]],
  ["the controller comes up, goes down, or cannot reach a worker", ["unavailable", "closing"]],
  ["a worker took too long", ["timeout"]],
  ["a fault of Iris", ["internal"]],
];

/** See the head of this file. */
export const apiPage: ReferencePage = {
  file: "docs/reference/api.md",
  text: () =>
    [
      pageHead("API", "`src/http/openapi.ts` and `src/http/access.ts`"),
      "The controller serves this where its pages are; as OpenAPI 3.1 it is at `/openapi.json`. A call",
      "shows its token as `Authorization: Bearer TOKEN`; a token in a URL is refused. Bodies and answers",
      "are JSON unless said otherwise; times are milliseconds since the Unix epoch, memory is bytes, cores",
      "are thousandths. Fields may be added: a caller leaves alone what it does not know.\n",
      "## Errors\n",
      'The body of an error is `{ "error": { "code", "message" ... } }`:',
      "\n```text\n" + shapeOf(API_SHAPES.Error!, "Error") + "\n```\n",
      markdownTable(
        ["when", "code", "status"],
        WHEN.map(([when, errors]) => [
          when,
          errors.map(code).join(", "),
          [...new Set(errors.map((error) => ERROR_TABLE[error].httpStatus))].join(", "),
        ]),
      ),
      "\nAll codes are in [exit-codes.md](exit-codes.md#errors).\n",
      "## Routes\n",
      markdownTable(
        ["route", "what it does"],
        API_ROUTES.map((route) => [
          `[${code(titleOf(route))}](#${anchorOf(titleOf(route))})`,
          plain(route.summary),
        ]),
      ),
      ...API_ROUTES.map(section),
      "\n## Shapes\n",
      "What several routes take or give, by name. `?` is a field that may be left out.\n",
      ...Object.entries(API_SHAPES).filter(([name]) => name !== "Error").map(([name, schema]) =>
        `### ${name}\n\n\`\`\`text\n${shapeOf(schema, name)}\n\`\`\`\n`
      ),
    ].join("\n"),
};

function titleOf({ method, path }: ApiRoute): string {
  return `${method.toUpperCase()} ${path}`;
}

function anchorOf(title: string): string {
  return title.replaceAll(/[^\w -]/g, "").replaceAll(" ", "-").toLowerCase();
}

function section(route: ApiRoute): string {
  const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name!);
  const aboutJob = route.path.startsWith("/api/v1/jobs/:name");
  const query = { ...route.query, ...(aboutJob ? SAME_JOB_QUERY : {}) };
  const rows = [
    ...inPath.map((name) => [code(`:${name}`), plain(PATH_WORDS[name] ?? "")]),
    ...Object.entries(query).map(([name, text]) => [code(`?${name}=`), plain(text)]),
  ];
  return [
    `\n### ${titleOf(route)}\n`,
    `${plain(route.summary)}\n`,
    `For ${whoMay(route)}.\n`,
    ...(rows.length === 0 ? [] : [`${markdownTable(["parameter", "what it is"], rows)}\n`]),
    ...(route.body === undefined ? [] : [`Takes ${isInner(route) ? INNER : block(route.body)}\n`]),
    isInner(route) || route.answer === null
      ? `Answers ${code(String(route.status))}.`
      : `Answers ${code(String(route.status))} and ${block(route.answer)}`,
  ].join("\n");
}

/** Who may call a route, in words. */
export function whoMay(route: Pick<ApiRoute, "method" | "path">): string {
  const access = ACCESS[`${route.method.toUpperCase()} ${route.path}`] ?? UNLISTED;
  if (access === "open") return "anybody, without a token";
  return Object.entries(access)
    .map(([role, scope]) => `${code(role)}${SCOPES[scope]}`)
    .join(", ");
}

const INNER = "what workers and VM managers say to a controller, which changes with versions.";

/** Whether only parts of Iris call it. */
function isInner(route: ApiRoute): boolean {
  const access = ACCESS[`${route.method.toUpperCase()} ${route.path}`] ?? UNLISTED;
  return route.method === "post" && access !== "open" && access.worker !== undefined;
}

/** A shape by its name, or as it is. */
function block(schema: v.GenericSchema): string {
  const text = shapeOf(schema, null);
  const named = /^([A-Z]\w+)(\[\])?$/.exec(text);
  if (named !== null) {
    const link = `[${named[1]}](#${named[1]!.toLowerCase()})`;
    return named[2] === undefined ? `${link}.` : `a list of ${link}.`;
  }
  return `\n\n\`\`\`text\n${text}\n\`\`\``;
}

/** @param as the name of the shape itself, which is written out */
function shapeOf(schema: v.GenericSchema, as: string | null): string {
  // Shapes inside a schema are found again by what they are.
  const names = new Map(
    Object.entries(API_SHAPES).filter(([name]) => name !== as)
      .map(([name, shape]) => [JSON.stringify(plainSchema(shape)), name]),
  );
  return shapeText(plainSchema(schema), names);
}

function plainSchema(schema: v.GenericSchema): Record<string, unknown> {
  const { $schema: _, ...rest } = toJsonSchema(schema, { errorMode: "ignore", typeMode: "input" });
  return rest;
}
