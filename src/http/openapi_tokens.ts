/** The rows of `/openapi.json` about tokens. */
import * as v from "valibot";
import {
  NEW_TOKEN_SCHEMA,
  ROTATE_SCHEMA,
  TOKEN_REQUEST_SCHEMA,
  TOKEN_SCHEMA,
  WHO_AM_I_SCHEMA,
} from "../wire/tokens.ts";
import type { ApiRoute } from "./api_route.ts";

/** See the head of this file. */
export const TOKEN_ROUTES: readonly ApiRoute[] = [
  {
    ...{ method: "get", path: "/api/v1/whoami", status: 200 },
    summary: "What the token of this call is good for.",
    answer: WHO_AM_I_SCHEMA,
  },
  {
    ...{ method: "get", path: "/api/v1/tokens", status: 200 },
    summary: "Tokens that were given out and not revoked.",
    answer: v.array(TOKEN_SCHEMA),
  },
  {
    ...{ method: "post", path: "/api/v1/tokens", status: 201 },
    summary: "Give a token out. Its secret is in this answer and nowhere else.",
    body: TOKEN_REQUEST_SCHEMA,
    answer: NEW_TOKEN_SCHEMA,
  },
  {
    ...{ method: "post", path: "/api/v1/tokens/:id/revoke", status: 200 },
    summary: "Take a token back: it and sessions opened with it are good for nothing from now on.",
    answer: TOKEN_SCHEMA,
  },
  {
    ...{ method: "post", path: "/api/v1/tokens/rotate", status: 200 },
    summary: "A new token in the place of the admin's or the workers' own.",
    body: ROTATE_SCHEMA,
    answer: v.strictObject({ token: v.string() }),
  },
];
