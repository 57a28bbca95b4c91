// Where a run's files are. Input paths in a YAML file are relative to that file, so that a recipe works from any folder;
// `out` is relative to where the command is given, so that results never land among the recipes.
import { access } from "node:fs/promises";
import path from "node:path";
import { userError } from "../errors.js";
import type { Run } from "./schema.js";

export interface PathOptions {
  file: string;
  dataFolder?: string;
  tokenizerFolder?: string;
  cwd: string;
}

export function resolvePaths(run: Run, { file, dataFolder, tokenizerFolder, cwd }: PathOptions): Run {
  const base = path.dirname(path.resolve(cwd, file));
  const input = (name: string) => path.resolve(base, name);
  const data = (name: string) => (dataFolder === undefined ? input(name) : path.resolve(cwd, dataFolder, path.basename(name)));
  const { init } = run.model;
  if (tokenizerFolder !== undefined && !init) {
    throw userError("usage", "--tokenizer goes with model.init; a model folder (model.path) has its own tokenizer");
  }
  return {
    ...run,
    model: init
      ? {
          init: {
            ...init,
            tokenizer: tokenizerFolder === undefined ? input(init.tokenizer) : path.resolve(cwd, tokenizerFolder),
          },
        }
      : { path: input(run.model.path!) },
    data: {
      ...run.data,
      train: data(run.data.train),
      validation: run.data.validation === null ? null : data(run.data.validation),
    },
    out: path.resolve(cwd, run.out),
  };
}

/** Refuses a run whose inputs are not there, all of them at once, before a device is opened. */
export async function checkInputs(run: Run): Promise<void> {
  const wanted: [key: string, file: string | null | undefined][] = [
    ["model.path", run.model.path],
    ["model.init.tokenizer", run.model.init && path.join(run.model.init.tokenizer, "tokenizer.json")],
    ["data.train", run.data.train],
    ["data.validation", run.data.validation],
  ];
  const checked = await Promise.all(
    wanted.map(async ([key, file]) => {
      if (!file) return "";
      return access(file).then(
        () => "",
        (error: NodeJS.ErrnoException) => `${key}: ${file}: ${error.code === "ENOENT" ? "no such file or folder" : error.code}`,
      );
    }),
  );
  const faults = checked.filter(Boolean);
  if (faults.length > 0) throw userError("storage", faults.join("\n"));
}
