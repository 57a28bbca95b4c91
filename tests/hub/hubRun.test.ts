// A run that names a data set of the hub, against a hub on this machine.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { checkFile, checkRun } from "../../apps/cli/src/recipes/checkRows.js";
import { readRunExamples } from "../../apps/cli/src/recipes/examples.js";
import { openModelFiles } from "../../apps/cli/src/recipes/model.js";
import { parseRun } from "../../apps/cli/src/run/load.js";
import { startHub } from "../../packages/models/testing/hubServer.js";

const base = fileURLToPath(new URL("../../data/bundled/base", import.meta.url));
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-hub-run-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

const run = (data: string) =>
  parseRun(`model: {path: ${base}}\ndata:\n${data}`, { file: path.join(folder, "r.yaml"), cwd: folder });
const read = async (data: string) => {
  const one = run(data);
  return readRunExamples(one, await openModelFiles(one));
};
const utf8 = (text: string) => new TextEncoder().encode(text);

describe("a data set of the hub in a run", () => {
  const csv = (id: string) => utf8(`id,dialogue,summary\n${id},"Ann: Hi\nBo: Ho",Ann greets Bo in ${id}.\n`);

  it("is read by split, as text or in parts, checked like a file, and told to have no such split", async () => {
    const hub = await startHub("org/set", { "train.csv": csv("t"), "validation.csv": csv("v"), "test.csv": csv("x") }, "dataset");
    try {
      vi.stubEnv("HF_HOME", path.join(folder, "hf"));
      vi.stubEnv("HF_ENDPOINT", hub.url);
      const both = run("  train: hub:org/set\n  validation: {hub: org/set, revision: main}\n");
      expect([both.data.train, both.data.validation]).toEqual(["hub:org/set#train", "hub:org/set#validation"]);
      const { examples, validation, notes } = await read("  train: hub:org/set\n  validation: {hub: org/set}\n");
      expect(examples[0]).toMatchObject({ prompt: "summarize: Ann: Hi\nBo: Ho", completion: "Ann greets Bo in t." });
      expect(validation[0]!.completion).toBe("Ann greets Bo in v.");
      expect(notes.join()).toMatch(/1 of 1 validation prompts are in the training data/);
      expect(await checkFile("hub:org/set#test", {})).toMatchObject({ format: "samsum", report: { rows: 1 } });
      const { report } = await checkRun(run("  train: hub:org/set\n  validation: hub:org/set\n"));
      expect(report.findings.map(({ kind }) => kind)).toContain("in training and validation");
      await expect(checkRun(run("  train: hub:org/set\n  validation: hub:org/set#dev\n"))).rejects.toMatchObject({
        exitClass: "usage",
        message: 'hub:org/set#dev: has no split "dev"; there are test, train, validation',
      });
    } finally {
      await hub.close();
    }
  });

  it.each<[string, RegExp]>([
    ["  train: hub:a/b/c\n", /r\.yaml:3:3: data\.train hub:a\/b\/c: is no data set on the hub; expected hub:ORG/],
    ["  train: {hub: a/b, splitt: x}\n", /data\.train must be a file, hub:ORG\/NAME, or \{hub, config, split, revision\}/],
  ])("that is named wrongly is refused where it stands: %j", (data, message) => expect(() => run(data)).toThrow(message));
});
