import { mkdir, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkpointSteps, newestCheckpoint, pruneCheckpoints, writeCheckpoint } from "./checkpoints.js";

let root: string;
beforeEach(async () => {
  root = path.join(await mkdtemp(path.join(tmpdir(), "attune-checkpoints-")), "checkpoints");
});
afterEach(() => rm(path.dirname(root), { recursive: true, force: true }));

const write = (step: number, content = `state of ${step}`) =>
  writeCheckpoint(root, step, async (sink) => {
    await sink.write("trainer.safetensors", content);
    await sink.write("notes.json", "{}");
    return { lr: step / 10 };
  });

async function edit(folder: string, change: (manifest: Record<string, unknown>) => void): Promise<void> {
  const file = path.join(folder, "checkpoint.json");
  const manifest = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  change(manifest);
  await writeFile(file, JSON.stringify(manifest));
}

describe("checkpoints on disk", () => {
  it("come back newest first, with what the manifest keeps of the run", async () => {
    for (const step of [5, 20, 1_234_567]) await write(step);
    expect(await checkpointSteps(root)).toEqual([5, 20, 1_234_567]);
    const found = (await newestCheckpoint<{ lr: number }>(root))!;
    expect(found).toMatchObject({ step: 1_234_567, record: { lr: 123456.7 } });
    expect(new TextDecoder().decode(await found.files.read("trainer.safetensors"))).toBe("state of 1234567");
    expect(await newestCheckpoint(path.join(root, "nowhere"))).toBeNull();
  });

  it("are replaced whole", async () => {
    await write(5, "old");
    await write(5, "new");
    const found = (await newestCheckpoint(root))!;
    expect(new TextDecoder().decode(await found.files.read("trainer.safetensors"))).toBe("new");
    expect(await readdir(root)).toEqual(["step-000005"]);
  });

  const damages: [string, (folder: string) => Promise<void>, RegExp][] = [
    ["a file cut short", (folder) => truncate(path.join(folder, "trainer.safetensors"), 3), /has 3 bytes, expected 11/],
    ["a flipped bit", (folder) => writeFile(path.join(folder, "trainer.safetensors"), "state of 21"), /sha256 differs/],
    ["a file that is gone", (folder) => rm(path.join(folder, "notes.json")), /notes.json is missing/],
    ["a manifest cut short", (folder) => truncate(path.join(folder, "checkpoint.json"), 40), /checkpoint.json cannot be read/],
    ["no manifest", (folder) => rm(path.join(folder, "checkpoint.json")), /checkpoint.json cannot be read/],
    ["an empty manifest", (folder) => writeFile(path.join(folder, "checkpoint.json"), "null"), /is no object/],
    [
      "a manifest without files",
      (folder) => edit(folder, (manifest) => Object.assign(manifest, { files: [null] })),
      /a file that cannot be one/,
    ],
    ["a manifest without its run", (folder) => edit(folder, (manifest) => delete manifest.record), /has no record of its run/],
    [
      "a manifest that names a path",
      async (folder) => {
        const file = path.join(folder, "checkpoint.json");
        await writeFile(file, (await readFile(file, "utf8")).replace("notes.json", "../x"));
      },
      /names a file that cannot be one/,
    ],
  ];
  it.each(damages)("with %s are passed over for the one before", async (_, damage, said) => {
    await write(10);
    await damage(await write(20));
    const lines: string[] = [];
    expect((await newestCheckpoint(root, (line) => lines.push(line)))?.step).toBe(10);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(said);
    expect(lines[0]).toMatch(/step-000020.*the checkpoint before it is taken/);
  });

  it("of a newer format are refused, not passed over", async () => {
    const file = path.join(await write(10), "checkpoint.json");
    await writeFile(file, (await readFile(file, "utf8")).replace('"format": 1', '"format": 2'));
    await expect(newestCheckpoint(root)).rejects.toThrow(/has the format 2, this version reads 1; update attune/);
  });

  it("leave nothing where writing fails", async () => {
    await write(10);
    const failing = writeCheckpoint(root, 20, async (sink) => {
      await sink.write("trainer.safetensors", "half");
      throw new Error("the device was lost");
    });
    await expect(failing).rejects.toThrow("the device was lost");
    expect(await readdir(root)).toEqual(["step-000010"]);
  });

  it("say that a file stands where their folder should be", async () => {
    await writeFile(root, "");
    await expect(write(10)).rejects.toThrow(/step-000010: cannot be written: a part of the path is a file/);
  });

  it("are pruned from the oldest on, but for the spared, with what crashed writers left", async () => {
    for (const step of [10, 20, 30, 40]) await write(step);
    await mkdir(path.join(root, ".step-000050.123-abcd.tmp"));
    await mkdir(path.join(root, "step-final")); // somebody else's
    await pruneCheckpoints(root, { keep: 2, spared: [10] });
    expect((await readdir(root)).sort()).toEqual(["step-000010", "step-000030", "step-000040", "step-final"]);
  });

  it("does not count what was passed over: a damaged one beyond the newest goes first", async () => {
    for (const step of [500, 1000]) await write(step);
    await truncate(path.join(root, "step-001000", "trainer.safetensors"), 3);
    expect((await newestCheckpoint(root))!.step).toBe(500);
    await write(700); // gone on from 500
    await pruneCheckpoints(root, { keep: 1, newest: 700 });
    expect(await readdir(root)).toEqual(["step-000700"]);
  });

  it("come back under their name where one was killed between giving it up and getting it", async () => {
    await write(500);
    await rename(path.join(root, "step-000500"), path.join(root, ".step-000500.77-0a1b2c3d.tmp"));
    await mkdir(path.join(root, ".step-000600.77-0a1b2c3d.tmp")); // half-written
    await writeFile(path.join(root, ".step-000600.77-0a1b2c3d.tmp", "trainer.safetensors"), "half");
    expect((await newestCheckpoint(root))!.step).toBe(500);
    expect(await checkpointSteps(root)).toEqual([500]);
  });
});
