// A run by commands alone: trained, stopped short, gone on with from its folder, listed, cleaned.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { attuneInTurn } from "./attune.js";
import { writeTinyModel } from "./tinyModel.js";

const folder = await mkdtemp(path.join(tmpdir(), "attune-resume-"));
afterAll(() => rm(folder, { recursive: true }));
const at = (...parts: string[]) => path.join(folder, ...parts);

test("attune init, train, resume, runs list, runs clean, data preview", async () => {
  await writeTinyModel(at("model"));
  await writeFile(at("rows.csv"), "review,label\nabc,a\nbcd,b\ncde,a\ndef,b\n");
  const run = at("runs", "rows");
  const init = [
    "init",
    "--data",
    at("rows.csv"),
    "--model",
    at("model"),
    "--task",
    "classify",
    "--out",
    at("rows.yaml"),
    "--yes",
  ];
  const ended = await attuneInTurn(
    [
      init,
      ["train", at("rows.yaml"), "--out", run, "train.steps=2", "--budget", "1GiB"],
      ["resume", run, "train.steps=3"],
      ["resume", run, "train.steps=3", "--allow-changes", "--json"],
      ["runs", "list", at("runs"), "--json"],
      ["runs", "clean", at("runs"), "--keep", "0"],
      ["runs", "clean", at("runs"), "--keep", "0", "--yes"],
      ["resume", at("model")],
      ["runs", "lst"],
      ["train", at("rows.yaml"), "--out", at("none"), "--budget", "64KiB"],
      ["data", "preview", at("rows.yaml"), "--rows", "1", "--json"],
    ],
    process.env,
  );
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 2, 0, 0, 2, 0, 2, 2, 4, 0]);
  expect(ended[2]!.stderr).toMatch(/train\.steps was 2 and is 3; undo the change/);
  expect(JSON.parse(ended[3]!.stdout)).toMatchObject({ steps: 3 });
  expect(ended[3]!.stderr).toMatch(/resumed at step 2/);
  expect(JSON.parse(ended[4]!.stdout)).toMatchObject([{ state: "done", step: 3, checkpoints: [2, 3] }]);
  expect(ended[5]!.stderr).toMatch(/no terminal to ask on: add --yes/);
  expect(await readdir(at("runs", "rows", "checkpoints"))).toEqual([]);
  expect(ended[7]!.stderr).toMatch(/is no run's folder: it has no run\.yaml/);
  expect(ended[8]!.stderr).toMatch(/did you mean attune runs list\?/);
  expect(ended[9]!.stderr).toMatch(/^error: rows does not fit: .* of 64\.0 KiB; /m);
  await expect(readdir(at("none"))).rejects.toThrow(/ENOENT/); // nothing was begun
  expect(JSON.parse(ended[10]!.stdout)).toMatchObject([{ isEndLearnt: true, tokens: expect.any(Array) }]);
});
