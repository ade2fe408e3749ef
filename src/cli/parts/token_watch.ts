/**
 * Watches a file with a token that somebody may put another one into, as after a rotation: what is
 * started from then on needs the new one. Owns a timer; runs in main.
 */
import type { Timer } from "../../base/clock.ts";
import { tokenIn } from "../../host/token_file.ts";
import type { Part } from "../../lifecycle/part.ts";

/** How often it is looked at, in ms. */
const LOOK_MS = 5_000;

/** @param of.onChange told each other token; a file that cannot be read tells nothing */
export function tokenWatch(
  file: string,
  of: { readonly token: string; readonly onChange: (token: string) => void },
): Part {
  let { token } = of;
  let timer: Timer | null = null;
  return {
    name: "token-watch",
    kind: "resource",
    start({ clock }) {
      const look = () => {
        timer = clock.setTimer(LOOK_MS, look);
        const now = tokenIn(file);
        if (now === null || now === token) return;
        token = now;
        of.onChange(now);
      };
      timer = clock.setTimer(LOOK_MS, look);
    },
    release: () => timer?.cancel(),
  };
}
