// Where a run's files are. Input paths in a YAML file are relative to that file, so that a recipe works from any folder;
// `out` is relative to where the command is given, so that results never land among the recipes.
import { constants, existsSync } from "node:fs";
import { access, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { makeFolder } from "@attune/models/node";
import { isHubData } from "@attune/tuning";
import { userError } from "../errors.js";
import { fetchHubData } from "../recipes/modelFiles.js";
import { bundledModel, isHubName } from "./modelName.js";
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
  // a name on the hub, and that of the bundled model, stay what they are, unless a folder of that name is there
  const model = (name: string) => {
    if (existsSync(input(name))) return input(name);
    return bundledModel(name) ?? (isHubName(name) ? name : input(name));
  };
  const data = (name: string) => {
    if (isHubData(name)) return name;
    return dataFolder === undefined ? input(name) : within(path.resolve(cwd, dataFolder), name);
  };
  const tokenizer = (name: string) => {
    if (tokenizerFolder !== undefined) return path.resolve(cwd, tokenizerFolder);
    const other = dataFolder === undefined ? "" : within(path.resolve(cwd, dataFolder), name);
    return existsSync(path.join(other, "tokenizer.json")) ? other : model(name);
  };
  const mixed = <T extends { train: string; validation?: string | undefined }>(set: T): T => ({
    ...set,
    train: data(set.train),
    ...(set.validation === undefined ? {} : { validation: data(set.validation) }),
  });
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
            tokenizer: tokenizer(init.tokenizer),
          },
        }
      : { path: model(run.model.path!) },
    data: {
      ...run.data,
      train: data(run.data.train),
      validation: run.data.validation === null ? null : data(run.data.validation),
      ...(run.data.mixture ? { mixture: run.data.mixture.map(mixed) } : {}),
    },
    out: path.resolve(cwd, run.out),
  };
}

/** Where another data folder has a file: under the folder that the recipe names too (dialogsum/train.jsonl), or by its name alone. */
function within(folder: string, name: string): string {
  const nested = path.join(folder, path.basename(path.dirname(name)), path.basename(name));
  return existsSync(nested) ? nested : path.join(folder, path.basename(name));
}

/** Whether a model is a folder here; resolvePaths made those absolute. */
function isLocal(name: string | undefined): name is string {
  return name !== undefined && path.isAbsolute(name);
}

/** Refuses a run whose inputs are not there, all of them at once, before a device is opened. */
export async function checkInputs(run: Run): Promise<void> {
  const wanted: [key: string, file: string | false | null | undefined][] = [
    ["model.path", isLocal(run.model.path) && run.model.path],
    ["model.init.tokenizer", isLocal(run.model.init?.tokenizer) && path.join(run.model.init!.tokenizer, "tokenizer.json")],
    ["data.train", run.data.train],
    ["data.validation", run.data.validation],
    ...(run.data.mixture ?? []).slice(1).map(({ train }, i): [string, string] => [`data.mixture.${i + 1}.train`, train]),
    ...(run.data.mixture ?? []).map(({ validation }, i): [string, string | undefined] => [
      `data.mixture.${i}.validation`,
      validation,
    ]),
  ];
  const checked = await Promise.all(
    wanted.map(async ([key, file]) => {
      if (!file || isHubData(file)) return null;
      return access(file, constants.R_OK).then(
        () => null,
        ({ code }: NodeJS.ErrnoException) => {
          const isMissing = code === "ENOENT" || code === "ENOTDIR";
          const what = isMissing ? "no such file or folder" : code === "EACCES" ? "may not be read; check its permissions" : code;
          return { isMissing, text: `${key}: ${file}: ${what}` };
        },
      );
    }),
  );
  const faults = checked.filter((fault) => fault !== null);
  if (faults.length === 0) {
    // with a line that shows how far the download is; whoever reads the rows finds them in the cache
    for (const [, file] of wanted) if (file && isHubData(file)) await fetchHubData(file);
    return;
  }
  const exitClass = faults.every(({ isMissing }) => isMissing) ? "data" : "storage";
  throw userError(exitClass, faults.map(({ text }) => text).join("\n"));
}

/**
 * Refuses a folder for results that cannot be made or written to, before hours are spent on what would go there. It is tried for
 * real, since permissions alone do not tell (read-only disks, root), and nothing of the trial remains.
 */
export async function checkOut(folder: string): Promise<void> {
  const fail = (what: string, cause?: unknown): never => {
    throw userError("storage", `out: ${folder}: ${what}; choose another with --out`, cause);
  };
  let there = path.resolve(folder);
  while (!(await stat(there).catch(() => null))) there = path.dirname(there);
  if (!(await stat(there)).isDirectory()) {
    fail(
      there === path.resolve(folder)
        ? "is a file, and a folder is needed"
        : `${there} is a file, so there can be no folder below it`,
    );
  }
  let made: string[] = [];
  try {
    made = await makeFolder(folder);
    const trial = path.join(folder, `.attune-${process.pid}.tmp`);
    await writeFile(trial, "");
    await rm(trial);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    fail(code === "ENOSPC" ? "the disk is full" : `cannot be written (${code})`, error);
  } finally {
    if (made[0]) await rm(made[0], { recursive: true, force: true });
  }
}
