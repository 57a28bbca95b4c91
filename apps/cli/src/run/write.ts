// The resolved run, written beside its results: every default as it was on that day, every path as it was found.
import { rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { makeFolder } from "@attune/models/node";
import { stringify } from "yaml";
import { redactForms } from "../secrets.js";
import type { Run } from "./schema.js";

export function runToYaml(run: Run): string {
  // A run with a secret in it is refused when it is read (load.ts); of one that code has made, only what can be nothing else is taken
  // out: attune resume reads the file again, and a word too many that were changed here would be another run.
  const { lr, ...withoutLr } = run.train;
  const { train: _, ...withoutFile } = run.data;
  // of two that say the same only one may be said
  const train = run.train.adafactor?.relativeStep ? withoutLr : run.train;
  const data = run.data.mixture ? withoutFile : run.data;
  return redactForms(stringify({ ...run, data, train }, { version: "1.2", schema: "core", lineWidth: 0 }));
}

/** Writes OUT/run.yaml, whole or not at all. */
export async function writeRun(
  run: Run,
  comment = "The run as it was resolved: attune train run.yaml does it again.",
): Promise<string> {
  await makeFolder(run.out);
  const file = path.join(run.out, "run.yaml");
  const temporary = `${file}.tmp-${process.pid}`;
  await writeFile(temporary, `# ${comment.replace(/\n/g, "\n# ")}\n${runToYaml(run)}`);
  await rename(temporary, file);
  return file;
}
