// What answers at once loads no engine: help, the version and completion with all real commands. Dawn alone takes longer to load than
// `attune --help` may take in all; npm run bench:startup measures it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attune } from "./attune.js";

/** A resolve hook for which an import of the engine is a fault. */
const HOOK = `export async function resolve(name, context, next) {
  if (/^(webgpu|@attune\\/(tensor|models|tuning|eval|kernels-wgsl))(\\/|$)/.test(name)) throw new Error("loads " + name);
  return next(name, context);
}`;

let folder = "";
let env: NodeJS.ProcessEnv = {};
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-startup-"));
  const file = path.join(folder, "hook.mjs");
  const source = `data:text/javascript,${encodeURIComponent(HOOK)}`;
  await writeFile(file, `import { register } from "node:module";\nregister(${JSON.stringify(source)});\n`);
  env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --import ${pathToFileURL(file).href}` };
});
afterAll(() => rm(folder, { recursive: true }));

test.each([["--help"], ["--version"], ["train", "--help"], ["help", "plan"]])("attune %s %s", async (...words) => {
  const { code, stdout, stderr } = await attune(words.filter(Boolean), { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).not.toBe("");
});

test("what uses the engine is found out", async () => {
  const { code, stderr } = await attune(["doctor", "--no-speed"], { env });
  expect(code).toBe(1);
  expect(stderr).toMatch(/loads @attune\/tensor/);
});
