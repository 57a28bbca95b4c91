// encodeAll from a packed @attune/models, outside this repository: its threads load the built worker by its address.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const home = mkdtempSync(path.join(tmpdir(), "attune-packed-"));
beforeAll(() => {
  // what `npm pack` puts into the archive: package.json and dist
  for (const name of ["models", "tensor"]) {
    const packed = path.join(home, "node_modules", "@attune", name);
    mkdirSync(packed, { recursive: true });
    cpSync(path.join(root, "packages", name, "package.json"), path.join(packed, "package.json"));
    const src = path.join(root, "packages", name, "src");
    const entryPoints = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => /(?<!\.test)\.ts$/.test(file));
    const outdir = path.join(packed, "dist");
    buildSync({ entryPoints: entryPoints.map((file) => path.join(src, file)), outdir, outbase: src, format: "esm" });
  }
  symlinkSync(path.join(root, "node_modules", "@huggingface"), path.join(home, "node_modules", "@huggingface"), "junction");
  symlinkSync(
    path.join(root, "node_modules", "@attune", "kernels-wgsl"),
    path.join(home, "node_modules", "@attune", "kernels-wgsl"),
  );
  writeFileSync(path.join(home, "package.json"), JSON.stringify({ name: "mine", type: "module" }));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

it("encodes in threads from built files, without any loader", () => {
  const script = `
    import { encodeAll } from "@attune/models/node";
    const vocab = Object.fromEntries(["</s>", "a", "b", "ab"].map((token, id) => [token, id]));
    const model = { type: "BPE", vocab, merges: ["a b"] };
    const json = { model, pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true } };
    const files = { json, settings: { eos_token: "</s>", pad_token: "</s>" }, where: "toy" };
    const texts = Array.from({ length: 3000 }, (_, i) => "ab".repeat(1 + (i % 3)));
    const sums = { rows: 0, ids: 0 };
    for await (const ids of encodeAll(files, texts, { threads: 2, chunk: 100 })) {
      sums.rows++;
      for (const id of ids) sums.ids += id;
    }
    console.log(JSON.stringify(sums));
  `;
  writeFileSync(path.join(home, "run.mjs"), script);
  const env = { ...process.env, NODE_OPTIONS: "" };
  const printed = execFileSync(process.execPath, ["run.mjs"], { cwd: home, env, encoding: "utf8" });
  expect(JSON.parse(printed)).toEqual({ rows: 3000, ids: 3 * 6000 });
});
