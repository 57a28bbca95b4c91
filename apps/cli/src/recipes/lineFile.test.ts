import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openLineFile } from "./lineFile.js";

test("lines that a full disk refuses are kept, told once, and written when it takes them", async () => {
  const told: string[] = [];
  let text = "";
  let isFull = false;
  const lines = openLineFile("metrics.jsonl", {
    onFault: ({ message }) => told.push(message),
    onRecovered: () => told.push("recovered"),
    async write(_, added) {
      if (isFull) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      text += added;
    },
  });
  await lines.append("1");
  isFull = true;
  for (const line of ["2", "3"]) await lines.append(line);
  expect(text).toBe("1\n");
  expect(told).toEqual(["ENOSPC: no space left on device"]);
  expect(await lines.finish()).toBe(2);
  isFull = false;
  await lines.append("4");
  expect(text).toBe("1\n2\n3\n4\n");
  expect(told).toEqual(["ENOSPC: no space left on device", "recovered"]);
  expect(await lines.finish()).toBe(0);
});

test("a place that is no file is a refusal, too", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "attune-lines-"));
  let faults = 0;
  const options = { onFault: () => void faults++, onRecovered: () => {} };
  const refused = openLineFile(folder, options);
  await refused.append("1");
  expect([faults, await refused.finish()]).toEqual([1, 1]);
  const taken = openLineFile(path.join(folder, "metrics.jsonl"), options);
  await taken.append("1");
  await taken.append("2");
  expect(await readFile(path.join(folder, "metrics.jsonl"), "utf8")).toBe("1\n2\n");
  await rm(folder, { recursive: true });
});
