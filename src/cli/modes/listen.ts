/**
 * From flags to how a server listens: off loopback it takes TLS, or `--insecure` and a loud line.
 * Runs in main, at the start.
 */
import { systemClock } from "../../base/clock.ts";
import { IrisError } from "../../base/errors.ts";
import { type HostPort, isLoopback, isWildcard } from "../../host/address.ts";
import { outsideAddresses } from "../../host/local_address.ts";
import { ownNames, selfSigned } from "../../host/self_signed.ts";
import type { StateDir } from "../../host/state_dir.ts";
import { readCertificates, readIdentity, type TlsIdentity } from "../../host/tls.ts";
import type { CliContext } from "../context.ts";
import { OWN_CERT } from "../flags/listen_flags.ts";

/** What was typed about addresses and certificates. */
export interface ListenFlags {
  readonly host?: string | undefined;
  readonly port: number;
  readonly advertise?: HostPort | undefined;
  readonly insecure: boolean;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly tlsCa?: string | undefined;
}

/** Certificates as the flags name them. */
export interface TlsFiles {
  readonly identity: TlsIdentity | null;
  /** What is trusted in others beside the system's certificates; PEM, or null. */
  readonly trust: string | null;
}

/**
 * Reads the files that the flags name.
 *
 * @throws {IrisError} `usage`, naming the flag
 */
export function readTlsFiles(flags: ListenFlags): TlsFiles {
  const { tlsCert: cert, tlsKey: key, tlsCa, insecure } = flags;
  const trust = tlsCa === undefined ? null : readCertificates(tlsCa, "--tls-ca");
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined
      ? ["--tls-key", "--tls-cert"]
      : ["--tls-cert", "--tls-key"];
    throw new IrisError("usage", `${given} needs ${missing}`, { field: missing });
  }
  if (cert === undefined || key === undefined) return { identity: null, trust };
  if (insecure) {
    throw new IrisError("usage", "--insecure and --tls-cert exclude each other", {
      field: "--insecure",
    });
  }
  return { identity: readIdentity({ cert, key }), trust };
}

/** What a server may do on its address, and says about it. @throws {IrisError} `usage` */
export function checkExposure(
  context: CliContext,
  of: { what: string; host: string; tls: boolean; insecure: boolean; remedy: string },
): void {
  if (of.tls || isLoopback(of.host)) return;
  if (!of.insecure) {
    throw new IrisError(
      "usage",
      `--host ${of.host} is open to the network: give ${of.remedy}, or --insecure on a network ` +
        "where everybody may run tasks",
      { field: "--host" },
    );
  }
  context.err(
    `WARNING: the ${of.what} listens on ${of.host} without TLS (--insecure): whoever can read ` +
      "this network's traffic can take over the cluster",
  );
}

const OWN_KEY = "tls-key.pem";
const OWN_NAMES = "tls-names";

/**
 * The certificate that a controller made for itself, made when there is none, or when the name by
 * which it is to be reached is new.
 */
export async function ownIdentity(
  context: CliContext,
  state: StateDir,
  advertise: string | null,
): Promise<TlsIdentity> {
  const read = (name: string) => {
    try {
      return Deno.readTextFileSync(`${state.path}/${name}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  };
  const [cert, key, names] = [read(OWN_CERT), read(OWN_KEY), read(OWN_NAMES)];
  const known = names?.trim().split("\n") ?? [];
  if (cert !== null && key !== null && (advertise === null || known.includes(advertise))) {
    return { cert, key };
  }
  const wanted = ownNames([advertise]);
  const made = await selfSigned(wanted, systemClock.wall());
  state.write(OWN_KEY, made.key);
  state.write(OWN_CERT, made.cert);
  state.write(OWN_NAMES, `${wanted.join("\n")}\n`);
  if (cert !== null) {
    context.err(
      `The certificate was made anew for ${advertise}: give ${state.path}/${OWN_CERT} to workers ` +
        "and clients again",
    );
  }
  return made;
}

/** Where others reach a server that listens so, when nobody said it. */
export function advertised(flags: ListenFlags, listen: { host: string; tls: boolean }): HostPort {
  if (flags.advertise !== undefined) return flags.advertise;
  if (!isWildcard(listen.host)) return { host: listen.host, port: null };
  // A certificate is more likely to be for the name than for an address.
  const host = listen.tls ? Deno.hostname() : outsideAddresses()[0] ?? "127.0.0.1";
  return { host, port: null };
}
