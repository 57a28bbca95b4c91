// What is kept of a bug that ended a run: a file in the run's folder that may be sent to anybody. It holds no rows, no tokens and no
// words of the command line: where in the program, on what machine, and how far the run had come.
import { writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { redactSecrets } from "./secrets.js";

export const CRASH_FILE = "crash.json";

/** The run that is under way. */
export interface CrashContext {
  folder: string;
  /** Facts that are no secret: step, adapter, precision. */
  facts(): Record<string, unknown>;
}

let context: CrashContext | null = null;

/** From now on a bug is reported there; null: nowhere. */
export function crashesGoTo(next: CrashContext | null): void {
  context = next;
}

/** Writes the report, at once, since nothing may run afterwards. Returns its path; null where no run was under way or it cannot be written. */
export function reportCrash(thrown: unknown, now = new Date()): string | null {
  if (!context) return null;
  const file = path.join(context.folder, CRASH_FILE);
  const { rss, heapUsed, external } = process.memoryUsage();
  const report = {
    time: now.toISOString(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    upSeconds: Math.round(process.uptime()),
    memoryBytes: { rss, heapUsed, external },
    run: factsOf(context),
    errors: chainOf(thrown),
  };
  try {
    writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
    return file;
  } catch {
    return null;
  }
}

function factsOf({ facts }: CrashContext): Record<string, unknown> | null {
  try {
    return facts();
  } catch {
    return null; // of a device that is gone
  }
}

interface ErrorFacts {
  name: string;
  /** null where it may quote what a file says. */
  message: string | null;
  at: string[];
}

const MAX_CAUSES = 5;

/** The error and its causes, the outermost first. */
function chainOf(thrown: unknown): ErrorFacts[] {
  const chain: ErrorFacts[] = [];
  for (let error = thrown; error instanceof Error && chain.length < MAX_CAUSES; error = error.cause)
    chain.push({ name: error.name, message: messageOf(error), at: framesOf(error) });
  return chain.length > 0 ? chain : [{ name: typeof thrown, message: null, at: [] }];
}

/** What the engine says about the program itself; of a SyntaxError, and of errors that others made, it may be a row's own words. */
function messageOf(error: Error): string | null {
  const isAboutCode = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return isAboutCode ? redactSecrets(error.message.replace(/(["'`]).*\1/gs, "$1…$1")).slice(0, 300) : null;
}

/** The frames alone: the text above them is the message. A home folder has its owner's name. */
function framesOf({ stack = "" }: Error): string[] {
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  return frames.slice(0, 30).map((line) => line.trim().replaceAll(homedir(), "~"));
}
