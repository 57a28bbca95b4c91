// What a person sees when something goes wrong: one clear line on stderr and an exit code by class. Packages throw
// Errors that carry `exitClass`; whatever carries none, and is no known system error, is a bug and shows its stack.
import { explainNativeFault } from "./nativeFault.js";
import { redactSecrets } from "./secrets.js";
import { sanitizeForTerminal } from "./terminal.js";

export type ExitClass = "usage" | "data" | "device" | "storage" | "network" | "numerics" | "mismatch";

/** Scripts may rely on these: retry what is 4 to 6, do not retry what is 1 to 3. */
export const EXIT_CODES = {
  ok: 0,
  bug: 1,
  mismatch: 1, // a comparison (attune verify) that found a difference
  usage: 2,
  data: 3,
  device: 4,
  storage: 5,
  network: 6,
  numerics: 7,
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
} as const;

const SYSTEM: Record<string, ExitClass> = {
  ENOENT: "storage",
  EACCES: "storage",
  EPERM: "storage",
  EISDIR: "storage",
  ENOTDIR: "storage",
  ENOSPC: "storage",
  EDQUOT: "storage",
  EROFS: "storage",
  EIO: "storage",
  EMFILE: "storage",
  ENFILE: "storage",
  ESTALE: "storage",
  EXDEV: "storage",
  ENAMETOOLONG: "storage",
  ELOOP: "storage",
  EBUSY: "storage",
  ENOTEMPTY: "storage",
  ENOTFOUND: "network",
  EAI_AGAIN: "network",
  ECONNREFUSED: "network",
  ECONNRESET: "network",
  ETIMEDOUT: "network",
  EHOSTUNREACH: "network",
  ENETUNREACH: "network",
};

/** An Error that the command line reports as one line of its class. */
export function userError(exitClass: ExitClass, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { exitClass });
}

/** Thrown where a run was stopped by a signal, after it has put its things in order. */
export function interruptedError(signal: "SIGINT" | "SIGTERM" | "SIGHUP", message = `stopped by ${signal}`): Error {
  return Object.assign(new Error(message), { signal });
}

export interface Failure {
  code: number;
  text: string;
  /** Nobody's fault but the program's. */
  isBug?: true;
}

/** The exit code of anything thrown, and what to print: one line a problem, safe for a terminal, without secrets. */
export function failureOf(thrown: unknown): Failure {
  const { text, ...rest } = describe(thrown instanceof Error ? thrown : new Error(String(thrown)));
  return { ...rest, text: sanitizeForTerminal(redactSecrets(text)) };
}

function describe(error: Error & { exitClass?: string; signal?: string; code?: string }): Failure {
  const { exitClass, signal, code } = error;
  if (signal === "SIGINT" || signal === "SIGTERM" || signal === "SIGHUP")
    return { code: EXIT_CODES[signal], text: error.message };
  const known = isExitClass(exitClass) ? exitClass : code === undefined ? undefined : SYSTEM[code];
  if (known) return { code: EXIT_CODES[known], text: `error: ${error.message}` };
  const native = explainNativeFault(error);
  if (native) return { code: EXIT_CODES.device, text: `error: ${native}` };
  return { code: EXIT_CODES.bug, text: `bug: ${error.stack ?? error.message}`, isBug: true };
}

function isExitClass(value: unknown): value is ExitClass {
  return ["usage", "data", "device", "storage", "network", "numerics", "mismatch"].includes(value as string);
}
