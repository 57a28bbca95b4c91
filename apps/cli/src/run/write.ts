// The resolved run, written beside its results: every default as it was on that day, every path as it was found.
import { rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { makeFolder } from "@attune/models/node";
import { stringify } from "yaml";
import { redactSecrets } from "../secrets.js";
import type { Run } from "./schema.js";

export function runToYaml(run: Run): string {
  // a token that was pasted into a run is of no use there, and must not be kept
  return redactSecrets(stringify(run, { version: "1.2", schema: "core", lineWidth: 0 }));
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
