// Checkpoints of a run on disk: folders step-000500 that appear whole or not at all, each with a manifest that is written last and names
// every file by size and sha256. What a crash leaves behind is never taken for one.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { dataError, type FileSink, type FileSource, printable } from "@attune/models";
import { diskFiles, readError, writeError, writeFolder } from "@attune/models/node";

/** Of the folder's form: a newer one is refused, not guessed at. */
const FORMAT = 1;
const MANIFEST = "checkpoint.json";
/** As writeFolder names what it writes, and what it is about to remove. */
const HALF_WRITTEN = /^\.step-(\d{6,})\..*\.tmp$/;
const MAX_MANIFEST_BYTES = 16 << 20;

interface StoredFile {
  name: string;
  bytes: number;
  sha256: string;
}

/** A checkpoint that was read and found whole. */
export interface StoredCheckpoint<Record> {
  step: number;
  folder: string;
  record: Record;
  files: FileSource;
}

const nameOf = (step: number): string => `step-${String(step).padStart(6, "0")}`;

/**
 * Writes the checkpoint of a step; what stood under its name goes. `fill` writes the files and returns what the manifest keeps of the run
 * (JSON). Throws (storage) where the disk is full or refuses: then nothing is left of it. Returns the folder.
 */
export async function writeCheckpoint<Record>(
  root: string,
  step: number,
  fill: (sink: FileSink) => Promise<Record>,
): Promise<string> {
  const folder = join(root, nameOf(step));
  const write = async (sink: FileSink): Promise<void> => {
    const files: StoredFile[] = [];
    const record = await fill(hashing(sink, files));
    await sink.write(MANIFEST, `${JSON.stringify({ format: FORMAT, step, files, record }, null, 2)}\n`);
  };
  await writeFolder(folder, write, { force: true });
  return folder;
}

/**
 * The newest checkpoint whose files are all as its manifest says; null where there is none. Those that are damaged are passed over, each
 * with a line to `onDamaged`. Call it by who may write there. Throws (data) for one of a newer format.
 */
export async function newestCheckpoint<Record>(
  root: string,
  onDamaged: (line: string) => void = () => {},
): Promise<StoredCheckpoint<Record> | null> {
  await restoreNames(root);
  for (const step of (await checkpointSteps(root)).reverse()) {
    const folder = join(root, nameOf(step));
    const found = await readCheckpoint<Record>(folder, step);
    if (typeof found !== "string") return found;
    onDamaged(`${printable(folder, 300)}: ${found}; the checkpoint before it is taken`);
  }
  return null;
}

/** The checkpoint of a step, or what is wrong with it. Throws (data) for one of a newer format. */
export function checkpointAt<Record>(root: string, step: number): Promise<StoredCheckpoint<Record> | string> {
  return readCheckpoint<Record>(join(root, nameOf(step)), step);
}

/** Steps that have a folder, ascending. */
export async function checkpointSteps(root: string): Promise<number[]> {
  const names = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw readError(error, printable(root, 300));
  });
  const steps = names.flatMap((name) => {
    const digits = /^step-(\d{6,})$/.exec(name)?.[1];
    return digits && nameOf(Number(digits)) === name ? [Number(digits)] : [];
  });
  return steps.sort((a, b) => a - b);
}

export interface PruneOptions {
  /** Checkpoints that stay, the newest ones. */
  keep: number;
  /** Steps that stay whatever happens. */
  spared?: readonly number[];
  /**
   * The step that was just saved. What is beyond it was passed over when the run went on from before, so that it goes first: it would
   * otherwise count as newest and push out what is whole.
   */
  newest?: number;
}

/** Removes what need not stay, and what crashed writers left. Call it when the newest is in place. */
export async function pruneCheckpoints(
  root: string,
  { keep, spared = [], newest = Number.POSITIVE_INFINITY }: PruneOptions,
): Promise<void> {
  const steps = await checkpointSteps(root);
  const beyond = steps.filter((step) => step > newest);
  const known = steps.filter((step) => step <= newest);
  const old = [...beyond, ...known.slice(0, Math.max(0, known.length - keep))].filter((step) => !spared.includes(step));
  const left = (await readdir(root).catch(() => [])).filter((name) => HALF_WRITTEN.test(name));
  for (const name of [...old.map(nameOf), ...left]) await rm(join(root, name), { recursive: true, force: true });
}

/**
 * A checkpoint that is written again under its own step takes its name when the older one has given it up: who was killed in between left
 * two whole ones without it. One of them gets it back; what is not whole stays what it is.
 */
async function restoreNames(root: string): Promise<void> {
  const names = (await readdir(root).catch(() => [])).filter((name) => HALF_WRITTEN.test(name));
  const written = await Promise.all(names.map(async (name) => (await lstat(join(root, name))).mtimeMs));
  const newestFirst = names.map((_, i) => i).sort((a, b) => written[b]! - written[a]!);
  for (const name of newestFirst.map((i) => names[i]!)) {
    const digits = HALF_WRITTEN.exec(name)![1]!;
    const found = await readCheckpoint(join(root, name), Number(digits)).catch(() => "of a newer format");
    const folder = join(root, `step-${digits}`);
    if (typeof found === "string" || (await lstat(folder).catch(() => null))) continue;
    await rename(join(root, name), folder).catch((error) => {
      throw writeError(error, printable(root, 300));
    });
  }
}

/** A checkpoint, or what is wrong with it. */
async function readCheckpoint<Record>(folder: string, step: number): Promise<StoredCheckpoint<Record> | string> {
  let manifest: { format?: unknown; step?: unknown; files?: unknown; record?: unknown };
  try {
    const file = join(folder, MANIFEST);
    if ((await lstat(file)).size > MAX_MANIFEST_BYTES) return `${MANIFEST} is too large`;
    manifest = JSON.parse(await readFile(file, "utf8")) as typeof manifest;
  } catch (error) {
    return `${MANIFEST} cannot be read: ${printable((error as Error).message, 120)}`;
  }
  if (typeof manifest !== "object" || manifest === null) return `${MANIFEST} is no object`;
  if (typeof manifest.format === "number" && manifest.format > FORMAT) {
    throw dataError(`${printable(folder, 300)}: has the format ${manifest.format}, this version reads ${FORMAT}; update attune`);
  }
  if (manifest.format !== FORMAT || manifest.step !== step || !Array.isArray(manifest.files))
    return `${MANIFEST} is not of step ${step}`;
  if (typeof manifest.record !== "object" || manifest.record === null) return `${MANIFEST} has no record of its run`;
  for (const file of manifest.files as (Partial<StoredFile> | null)[]) {
    const { name, bytes, sha256 } = file ?? {};
    if (typeof name !== "string" || !/^[\w.-]+$/.test(name)) return `${MANIFEST} names a file that cannot be one`;
    const path = join(folder, name);
    const facts = await lstat(path).catch(() => null);
    if (!facts?.isFile()) return `${name} is missing`;
    if (facts.size !== bytes) return `${name} has ${facts.size} bytes, expected ${bytes}`;
    if ((await sha256Of(path)) !== sha256) return `${name} is damaged: its sha256 differs`;
  }
  return { step, folder, record: manifest.record as Record, files: diskFiles(folder) };
}

export async function sha256Of(path: string, range: { start?: number; end?: number } = {}): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { ...range, highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** The sink, noting what goes through it. */
function hashing(sink: FileSink, files: StoredFile[]): FileSink {
  const open = async (name: string) => {
    const writer = await sink.create(name);
    const hash = createHash("sha256");
    let bytes = 0;
    let isClosed = false;
    return {
      ...writer,
      async write(piece: Uint8Array) {
        hash.update(piece);
        bytes += piece.length;
        await writer.write(piece);
      },
      async close() {
        await writer.close();
        if (!isClosed) files.push({ name, bytes, sha256: hash.digest("hex") });
        isClosed = true;
      },
    };
  };
  return {
    describe: sink.describe,
    create: open,
    async write(name, content) {
      const writer = await open(name);
      try {
        await writer.write(typeof content === "string" ? new TextEncoder().encode(content) : content);
        await writer.close();
      } finally {
        await writer.abort();
      }
    },
  };
}
