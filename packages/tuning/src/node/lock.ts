// One run a folder: a lock file says who writes there. A lock whose process is gone on this host is taken over.

import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { printable, usageError } from "@attune/models";
import { writeError } from "@attune/models/node";

const NAME = ".lock";
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
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, NAME);
  const me: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString(), id: randomUUID() };
  ours.add(me.id);
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = await open(path, "wx");
      await handle.writeFile(`${JSON.stringify(me)}\n`);
      await handle.close();
      return async () => {
        await rm(path, { force: true });
        ours.delete(me.id);
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
        ours.delete(me.id);
        throw writeError(error, printable(folder, 300));
      }
    }
    const holder = await holderOf(path);
    if (attempt > 0 || !holder || isAlive(holder)) {
      ours.delete(me.id);
      throw usageError(taken(folder, path, holder));
    }
    await removeStale(path, holder);
  }
}

/** Moved aside first: of two processes that find the same stale lock only one must win, and none may remove the winner's. */
async function removeStale(path: string, stale: Holder): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch {
    return; // the other process was faster: the next attempt sees its lock
  }
  const moved = await holderOf(aside);
  if (moved?.pid === stale.pid && moved.since === stale.since && moved.id === stale.id) await rm(aside, { force: true });
  else await rename(aside, path);
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

function taken(folder: string, path: string, holder: Holder | null): string {
  const who = holder
    ? `process ${holder.pid} on ${printable(holder.host, 80)}, since ${printable(holder.since, 40)}`
    : "an unknown process";
  return `${printable(folder, 300)}: another run is writing here (${who}); wait for it or name another folder. If it is gone for certain, delete ${printable(path, 300)}`;
}
