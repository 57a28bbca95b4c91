// The one place where a model's name becomes files: a folder on this machine, the bundled model, or a repository on the hub (ORG/NAME,
// ORG/NAME@REVISION). Data sets of the hub are fetched here as well, so that one line shows every download.
import { stat } from "node:fs/promises";
import { dataError, type FileSource, type UserError } from "@attune/models";
import { type DownloadProgress, diskFiles, type HubOptions, hubModel } from "@attune/models/node";
import { type HubData, hubData } from "@attune/tuning/node";
import { bundledModel, isHubName } from "../run/modelName.js";
import { createStatus, type Status } from "../status.js";
import { formatBytes, sanitizeForTerminal } from "../terminal.js";

/**
 * The files of a model, an adapter or a tokenizer by the name that a person gives. A folder that is there counts before the hub.
 * Downloads are shown on stderr. Throws (data) for what is neither and where the hub refuses; (network) where it cannot be reached.
 */
export async function modelFiles(name: string): Promise<FileSource> {
  return diskFiles(await modelFolder(name));
}

/** The same as the path of a folder. */
export async function modelFolder(name: string): Promise<string> {
  if (await isThere(name)) return name;
  const bundled = bundledModel(name);
  if (bundled) return bundled;
  if (!isHubName(name))
    throw dataError(`${name}: no such folder; expected one, or a name on the hub: ORG/NAME or ORG/NAME@REVISION`);
  try {
    return (await shownDownload((options) => hubModel(name, options))).folder;
  } catch (error) {
    // a path with a typing error may look like a name on the hub
    if ((error as Partial<UserError>).exitClass) (error as Error).message += `; nor is there a folder ${name} here`;
    throw error;
  }
}

/** The files of a data set on the hub (hub:ORG/NAME...). Throws as hubData does. */
export function fetchHubData(name: string): Promise<HubData> {
  return shownDownload((options) => hubData(name, options));
}

async function shownDownload<T>(fetch: (options: HubOptions) => Promise<T>): Promise<T> {
  const status = createStatus();
  const shown = new DownloadLine(status);
  try {
    return await fetch({
      onProgress: (progress) => shown.update(progress),
      onNote: (note) => status.log(sanitizeForTerminal(note)),
    });
  } finally {
    status.done();
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** One line that says how far a file is, and how fast it comes. */
class DownloadLine {
  #file = "";
  #began = 0;
  #from = 0;

  constructor(readonly status: Status) {}

  update({ file, done, total }: DownloadProgress): void {
    if (file !== this.#file) {
      this.#file = file;
      this.#began = performance.now();
      this.#from = done; // what an earlier attempt left counts as progress, not as speed
    }
    const seconds = (performance.now() - this.#began) / 1000;
    const rate = seconds > 0.5 ? `, ${formatBytes((done - this.#from) / seconds)}/s` : "";
    const share = total > 0 ? done / total : 1;
    const filled = Math.round(share * 20);
    const bar = "█".repeat(filled) + "░".repeat(20 - filled);
    this.status.update(`${file} ${bar} ${Math.floor(share * 100)} % of ${formatBytes(total)}${rate}`);
  }
}
