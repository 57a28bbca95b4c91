// What `attune train` left in a run's folder: an adapter for its base model, or a whole model.
import { existsSync } from "node:fs";
import path from "node:path";
import { dataError } from "@attune/models";
import { loadRun } from "../run/load.js";
import type { Run } from "../run/schema.js";

export interface Trained {
  model: string;
  adapter?: string;
}

/** Whether a folder is a run's, and not a model's. */
export const isRunFolder = (folder: string): boolean =>
  existsSync(path.join(folder, "run.yaml")) && !existsSync(path.join(folder, "config.json"));

/** Model and adapter of a run, found in `folder` (where the run was moved to), by default its own. Throws (data) before it was trained. */
export function trainedOf(run: Run, hint: string, folder = run.out): Trained {
  const found = path.join(folder, run.lora ? "adapter" : "model");
  if (!existsSync(found)) throw dataError(`${found}: not there; train the run first: attune train ${hint}`);
  return run.lora ? { model: run.model.path!, adapter: found } : { model: found };
}

/** What a name given to generate or eval stands for: a run's folder for what was trained there, any other for itself. */
export async function trainedAt(name: string): Promise<Trained> {
  if (!isRunFolder(name)) return { model: name };
  const file = path.join(name, "run.yaml");
  return trainedOf(await loadRun(file), file, name);
}
