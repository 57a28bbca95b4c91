// The reference records that parity is tested on: the project's own, always, and those beside the checkout where they are.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface RecordFolder {
  /** As shown: "tests/golden/t5-relu". */
  name: string;
  folder: string;
}

const at = (name: string): RecordFolder => ({ name, folder: path.join(root, name) });
export const OWN = ["tests/golden/t5-relu", "tests/golden/t5-gated"].map(at);
const SHARED = ["../shared/golden/models/t5-relu-tied", "../shared/golden/models/t5-gated-untied"].map(at);
export const RECORDS = [...OWN, ...SHARED];
/** Decoder-only models: pre-norm, and opt-350m's form with post-norm and projections. */
export const OPT_RECORDS = [
  "tests/golden/opt-pre",
  "tests/golden/opt-post",
  "../shared/golden/models/opt-pre-norm",
  "../shared/golden/models/opt-post-norm-proj",
].map(at);
export const [RELU, GATED] = OWN as [RecordFolder, RecordFolder];

/** Skips the test, saying why, where the record is one that does not ship with the project. */
export function needs(context: TestContext, { name, folder }: RecordFolder): void {
  if (!existsSync(folder)) context.skip(`${name} is not there (reference data that does not ship with the project)`);
}

export async function readJson<T>(folder: string, name: string): Promise<T> {
  return JSON.parse(await readFile(path.join(folder, name), "utf8")) as T;
}

/** Every adapter of every record. */
export const ADAPTERS = RECORDS.flatMap((record) => {
  const own = record === GATED ? ["default", "patterns"] : ["default"];
  const variants = OWN.includes(record) ? own : ["default", "rslora", "all-linear"];
  return variants.map((variant) => ({ record, variant, name: `${record.name}/lora/${variant}` }));
});
