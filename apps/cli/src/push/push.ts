// attune push from top to bottom: what is published, its card, and the upload.
import { readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { hubSettings, printable, usageError } from "@attune/models";
import { modelCard } from "./card.js";
import { collect, hubNameOf, type Publication } from "./collect.js";
import { checkRepo, hubToken, type UploadFile, upload } from "./upload.js";

export interface PushFlags {
  base?: string;
  license?: string;
  private?: boolean;
  message?: string;
  dryRun?: boolean;
}

export interface Pushed {
  repo: string;
  kind: Publication["kind"];
  files: { name: string; bytes: number }[];
  card: string;
  /** null of a dry run. */
  url: string | null;
  commit: string | null;
  keptCard: boolean;
}

/** Throws (usage), (data), (network); nothing is sent before all of it is known to be whole. */
export async function push(
  folder: string,
  repo: string,
  flags: PushFlags,
  env: NodeJS.ProcessEnv,
  { onProgress, signal }: { onProgress?(line: string): void; signal?: AbortSignal } = {},
): Promise<Pushed> {
  checkRepo(repo);
  const settings = hubSettings(env, os.homedir());
  const publication = withBase(await collect(folder), flags.base);
  const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  const versions = { attune: version, Node: process.versions.node };
  const card = modelCard(publication, { repo, license: flags.license ?? null, versions });
  const files: UploadFile[] = [
    { name: "README.md", content: { text: card } },
    ...publication.files.map(({ name }): UploadFile => {
      if (name === "adapter_config.json") return { name, content: { text: `${JSON.stringify(publication.config, null, 2)}\n` } };
      return { name, content: { file: path.join(publication.folder, name) } };
    }),
  ];
  const listed = files.map(({ name, content }) => ({
    name,
    bytes: "text" in content ? Buffer.byteLength(content.text) : publication.files.find((one) => one.name === name)!.bytes,
  }));
  const told = { repo, kind: publication.kind, files: listed, card };
  if (flags.dryRun) return { ...told, url: null, commit: null, keptCard: false };
  if (settings.isOffline) throw usageError("HF_HUB_OFFLINE is set; unset it to push");
  const token = await hubToken(settings);
  const message = flags.message ?? `Upload ${publication.kind === "adapter" ? "adapter" : "model"} with attune`;
  const sent = await upload({ settings, token, repo, isPrivate: flags.private ?? false, message, files, onProgress, signal });
  return { ...told, ...sent };
}

/** An adapter is of use only with its base: where that is a folder here, nobody else can name it. */
function withBase(publication: Publication, base: string | undefined): Publication {
  if (base !== undefined && hubNameOf(base) === null)
    throw usageError(`--base ${printable(base)}: expected a name on the hub, ORG/NAME`);
  const baseModel = base ?? publication.baseModel;
  if (publication.kind === "model") return { ...publication, baseModel };
  if (baseModel === null)
    throw usageError(
      `the adapter's base model is "${printable(String(publication.config.base_model_name_or_path))}", which only this machine knows; say what it is on the hub with --base ORG/NAME`,
    );
  return { ...publication, baseModel, config: { ...publication.config, base_model_name_or_path: baseModel } };
}
