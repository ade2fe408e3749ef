/** Followers of logs as raw connections that a test can leave unread, and what processes take. */
import type { LogChunk, LogMark } from "../../src/wire/api.ts";

/** One follower that reads only when it is told to. */
export interface RawFollower {
  /** Reads to the end of the answer. */
  rest(onChunk: (chunk: LogChunk) => void): Promise<{ done: boolean }>;
  close(): void;
}

/** Asks for a job's logs over a connection of its own, and reads nothing of the answer. */
export async function followRaw(
  url: string,
  of: { token: string; name: string; query?: string },
): Promise<RawFollower> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const path = `/api/v1/jobs/${encodeURIComponent(of.name)}/logs?${of.query ?? "follow=true"}`;
  const head = [
    `GET ${path} HTTP/1.0`,
    `Host: ${hostname}:${port}`,
    `Authorization: Bearer ${of.token}`,
    "",
    "",
  ].join("\r\n");
  await connection.write(new TextEncoder().encode(head));
  return {
    async rest(onChunk) {
      let text = "";
      let inBody = false;
      let done = false;
      for await (const piece of connection.readable.pipeThrough(new TextDecoderStream())) {
        text += piece;
        if (!inBody) {
          const at = text.indexOf("\r\n\r\n");
          if (at < 0) continue;
          if (!text.includes(" 200 ")) throw new Error(text);
          text = text.slice(at + 4);
          inBody = true;
        }
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) {
          if (line === "") continue;
          const value = JSON.parse(line) as LogChunk | LogMark;
          if ("cursor" in value) done ||= value.done === true;
          else onChunk(value);
        }
      }
      return { done };
    },
    close() {
      try {
        connection.close();
      } catch {
        // Read to its end.
      }
    },
  };
}

/** What a process has in memory now, in bytes. */
export function residentBytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}

/** How many files and sockets a process has open. */
export function openFiles(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}
