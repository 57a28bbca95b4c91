// Which kind of model a record's folder holds.
import { type Checkpoint, dataError, type FileSource, openCheckpoint, readJsonObject } from "@attune/models";
import type { OpenedModel } from "./model.js";
import { optRecord } from "./opt.js";
import { t5Record } from "./t5.js";

type Opener = (config: Record<string, unknown>, where: string, checkpoint: Checkpoint) => Promise<OpenedModel> | OpenedModel;
const OPENERS: Readonly<Record<string, Opener>> = { t5: t5Record, opt: optRecord };

/** Reads all but the weights' values, without a device. Throws (data) where the folder is no readable model. */
export async function openModel(source: FileSource): Promise<OpenedModel> {
  const config = await readJsonObject(source, "config.json");
  const where = source.describe("config.json");
  const open = OPENERS[String(config.model_type ?? "t5")];
  if (!open) throw dataError(`${where}: model_type is ${JSON.stringify(config.model_type)}; supported are "t5" and "opt"`);
  return open(config, where, await openCheckpoint(source));
}
