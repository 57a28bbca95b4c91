// One run a folder: a lock file says who writes there. A lock whose process is gone on this host is taken over. Its time is renewed now and
// then, for those who find it and cannot look at its process.

import { randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { printable, usageError } from "@attune/models";
import { writeError } from "@attune/models/node";

const NAME = ".lock";
const HEARTBEAT_MS = 30_000;
/** Of the locks that this very process holds or is about to. */
const ours = new Set<string>();

interface Holder {
  pid: number;
  host: string;
  since: string;
  id: string;
}

/**
 * Locks a folder, which must be there, for this process; returns what unlocks it. Throws (usage) where another process holds it,
 * (storage) where the folder refuses.
 */
export const lockFolder = (folder: string): Promise<() => Promise<void>> => takeLock(join(folder, NAME), folder);

/** Whether somebody writes in a folder, or did on another host and never said that it stopped. */
export async function isLocked(folder: string): Promise<boolean> {
  const path = join(folder, NAME);
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return false;
  const holder = await holderOf(path);
  return !holder || isAlive(holder);
}

async function takeLock(path: string, folder: string): Promise<() => Promise<void>> {
  const me: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString(), id: randomUUID() };
  ours.add(me.id);
  try {
    if (!(await createLock(path, me))) {
      const holder = await holderOf(path);
      if (!holder || isAlive(holder)) throw usageError(await taken(folder, path, holder));
      await succeed(path, folder, holder, me);
    }
  } catch (error) {
    ours.delete(me.id);
    throw writeError(error, printable(folder, 300)); // a refusal goes through as it is
  }
  const isMine = async (): Promise<boolean> => (await holderOf(path))?.id === me.id;
  const heartbeat = setInterval(async () => {
    const now = new Date();
    // a lock that somebody deleted and another made is not ours to renew
    if (await isMine()) await utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    if (await isMine()) await rm(path, { force: true });
    ours.delete(me.id);
  };
}

/** False where there is one. */
async function createLock(path: string, me: Holder): Promise<boolean> {
  try {
    await writeFile(path, `${JSON.stringify(me)}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Puts my lock in the place of a stale one. Several may have found it, so that whoever does this holds a lock of its own, itself taken over
 * in the same way where its process died: under it nobody else changes a stale lock, and the one there is replaced in one step, never
 * missing. Who comes second finds another lock than it saw.
 */
async function succeed(path: string, folder: string, stale: Holder, me: Holder): Promise<void> {
  const release = await takeLock(`${path}.takeover`, folder);
  try {
    const now = await holderOf(path);
    if (now?.pid !== stale.pid || now.since !== stale.since || now.id !== stale.id)
      throw usageError(await taken(folder, path, now));
    const mine = `${path}.${me.id}`;
    await writeFile(mine, `${JSON.stringify(me)}\n`);
    await rename(mine, path);
  } finally {
    await release();
  }
}

async function holderOf(path: string): Promise<Holder | null> {
  try {
    const { pid, host, since, id } = JSON.parse(await readFile(path, "utf8")) as Partial<Holder>;
    return Number.isSafeInteger(pid) && typeof host === "string"
      ? { pid: pid!, host, since: String(since), id: String(id) }
      : null;
  } catch {
    return null;
  }
}

/**
 * Of another host nothing can be known. A container that starts again has its host's name and often its process number too: a lock that
 * bears ours but is not ours is of the process before.
 */
function isAlive({ pid, host, id }: Holder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return ours.has(id);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // alive, and somebody else's
  }
}

async function taken(folder: string, path: string, holder: Holder | null): Promise<string> {
  const alive = await stat(path).catch(() => null);
  const silent = alive ? Math.max(0, Math.round((Date.now() - alive.mtimeMs) / 60_000)) : 0;
  const sign = silent >= 2 ? `, last sign of life ${silent} minutes ago` : "";
  const who = holder
    ? `process ${holder.pid} on ${printable(holder.host, 80)}, since ${printable(holder.since, 40)}${sign}`
    : `an unknown process${sign}`;
  return `${printable(folder, 300)}: another run is writing here (${who}); wait for it or name another folder. If it is gone for certain, delete ${printable(path, 300)}`;
}
