import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { softwareFacts } from "@attune/kernels-wgsl";
import { expect, it } from "vitest";
import { keepPeak, knownPeak } from "./peak.js";

it("is known for the device that it was measured on, and for no other", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "attune-peak-"));
  const env = { XDG_CACHE_HOME: folder };
  const facts = softwareFacts;
  expect(await knownPeak(facts, env)).toBeNull();
  await keepPeak(facts, 123.5, env);
  expect(await knownPeak(facts, env)).toBe(123.5e9);
  expect(await knownPeak({ ...facts, adapter: { ...facts.adapter, description: "another" } }, env)).toBeNull();
  const [name] = await readdir(path.join(folder, "attune"));
  for (const text of ["", "{}", '{"matmulGflops":"fast"}', '{"matmulGflops":-1}']) {
    await writeFile(path.join(folder, "attune", name!), text);
    expect(await knownPeak(facts, env), text).toBeNull();
  }
  await rm(folder, { recursive: true });
  await keepPeak(facts, 1, { XDG_CACHE_HOME: "/dev/null" }); // nowhere to write: no fault
});
