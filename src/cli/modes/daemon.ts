/** What every mode that stays up does: start its tree, wait for the stop, report. Runs in main. */
import { systemClock } from "../../base/clock.ts";
import { configureLog, type LogFormat, type LogLevel } from "../../base/log.ts";
import type { Part } from "../../lifecycle/part.ts";
import { outlastSignals } from "../../lifecycle/signals.ts";
import type { ConfigReload } from "../config/config_reload.ts";
import type { CliContext } from "../context.ts";
import { RootControl } from "../root.ts";
import { killKnownGroups } from "./emergency.ts";
import {
  daemonExitCode,
  EMERGENCY_EXIT,
  endProcess,
  printReport,
  saveReport,
  startFailure,
} from "./result.ts";
import { StopRequests } from "./stop_request.ts";

/** How a daemon is run. */
export interface DaemonOptions {
  readonly stateDir: string;
  readonly stopTimeoutMs: number;
  readonly logLevel: LogLevel;
  /** For people when left out. */
  readonly logFormat?: LogFormat;
  /** True when what it runs goes on without it: a stop is a detach. */
  readonly detaches?: boolean;
  /** Reads the configuration again on SIGHUP; without it that does nothing. */
  readonly reload?: Pick<ConfigReload, "run" | "onGroups"> | undefined;
}

/** What a daemon's tree needs of its root. */
export interface DaemonPorts {
  readonly control: RootControl;
  readonly requests: StopRequests;
  /** Sets what else a SIGHUP does, replacing an earlier one. */
  onHangup(handler: () => void): void;
}

/** Runs a tree until a signal, a request or a failure stops it; answers with the exit code. */
export async function runDaemon(
  context: CliContext,
  options: DaemonOptions,
  tree: (ports: DaemonPorts) => Part,
): Promise<number> {
  configureLog({ level: options.logLevel, format: options.logFormat ?? "pretty" }, "iris");
  const requests = new StopRequests(() => control);
  let hangup = () => {};
  const control: RootControl = new RootControl({
    clock: systemClock,
    stopTimeoutMs: options.stopTimeoutMs,
    detaches: options.detaches ?? false,
    write: (line) => context.err(line),
    emergency: () => {
      // What was to go on goes on: its keeper needs nobody to leave in order.
      if (!options.detaches) killKnownGroups();
      Deno.exit(EMERGENCY_EXIT);
    },
    deliver: (report) => {
      outlastSignals();
      return requests.deliver(report);
    },
    onHangup() {
      // owner: the process, which goes on until it is told to stop.
      void options.reload?.run();
      hangup();
    },
  });
  try {
    await control.start(
      tree({ control, requests, onHangup: (handler) => void (hangup = handler) }),
    );
  } catch (error) {
    const report = await control.stop("crash");
    if (control.signals === 0) return endProcess(context, report, startFailure(context, error));
    printReport(context, report);
    return endProcess(context, report, daemonExitCode(report, null));
  }
  const report = await control.stopped;
  printReport(context, report);
  saveReport(context, options.stateDir, report);
  return endProcess(context, report, daemonExitCode(report, control.failure));
}
