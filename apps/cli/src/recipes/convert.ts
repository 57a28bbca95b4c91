// One model folder into another: file form, type and shards change, the model does not.
import path from "node:path";
import {
  dataError,
  listSome,
  openModelFolder,
  printable,
  type SavedCheckpoint,
  type SaveOptions,
  saveModelFolder,
  usageError,
} from "@attune/models";
import { diskFiles, writeFolder } from "@attune/models/node";
import { modelFiles } from "./modelFiles.js";

export interface ConvertOptions extends SaveOptions {
  /** Replace a folder that is not empty. */
  force?: boolean;
  /** Refuse weights that are infinite or NaN. */
  isStrict?: boolean;
}

/** Throws (usage) where the target is not empty or lies around the source; (data) what is wrong with the model, before anything is written. */
export async function convertModel(
  src: string,
  dst: string,
  options: ConvertOptions,
): Promise<SavedCheckpoint & { notes: string[] }> {
  const target = path.resolve(dst);
  const origin = path.resolve(src);
  if (`${origin}${path.sep}`.startsWith(`${target}${path.sep}`))
    throw usageError(`${dst}: holds the model that is read; name another folder`);
  const folder = await openModelFolder(await modelFiles(src), { strict: options.isStrict });
  const saved = await writeFolder(
    dst,
    async (sink, temporary) => {
      const result = await saveModelFolder(sink, folder, options);
      const nonFinite = [...result.nonFinite].map(([name, count]) => `${printable(name)} (${count})`);
      if (nonFinite.length > 0) {
        const found = `${folder.checkpoint.description}: values that are infinite or not a number in ${listSome(nonFinite)}`;
        if (options.isStrict) throw dataError(found);
        folder.notes.push(found);
      }
      // what was written must open as what was read: the folder is dropped otherwise
      const written = await openModelFolder(diskFiles(temporary));
      if (JSON.stringify(written.config) !== JSON.stringify(folder.config) && !isUntied(folder, written))
        throw dataError(`${dst}: what was written reads back as another config than ${folder.source.describe("config.json")}`);
      return result;
    },
    options,
  );
  return { ...saved, notes: folder.notes };
}

/** A tied head that is not scaled is written as one of its own with equal values, see weightsToSave. */
function isUntied(from: { kind: string; config: object }, to: { kind: string; config: object }): boolean {
  const [before, after] = [from.config, to.config] as { tieWordEmbeddings?: boolean }[];
  return from.kind === "t5" && JSON.stringify({ ...before, tieWordEmbeddings: false }) === JSON.stringify(after);
}
