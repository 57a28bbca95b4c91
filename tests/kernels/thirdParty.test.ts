// A kernel outside this repository: a package of its own that has the packed @attune/kernels-wgsl and Dawn, and nothing else of ours.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileKernels, readKernel } from "@attune/kernels-wgsl";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "./numericsTable.js";

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

describe("a kernel of a third party", () => {
  const home = mkdtempSync(path.join(tmpdir(), "attune-kernel-"));
  const run = (...words: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      execFile(process.execPath, ["scaleRows.mjs", ...words], { cwd: home }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout, stderr }),
      );
    });

  beforeAll(() => {
    // what `npm pack` puts into the archive: package.json, README and dist
    const packed = path.join(home, "node_modules", "@attune", "kernels-wgsl");
    const ours = path.join(root, "packages", "kernels-wgsl");
    mkdirSync(packed, { recursive: true });
    cpSync(path.join(ours, "package.json"), path.join(packed, "package.json"));
    // as the build does, without types: a second in place of ten
    const src = path.join(ours, "src");
    const entryPoints = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => /(?<!\.test)\.ts$/.test(file));
    buildSync({
      entryPoints: entryPoints.map((file) => path.join(src, file)),
      outdir: path.join(packed, "dist"),
      outbase: src,
      format: "esm",
    });
    symlinkSync(path.join(root, "node_modules", "webgpu"), path.join(home, "node_modules", "webgpu"), "junction");
    cpSync(path.join(root, "tests", "kernels", "thirdParty"), home, { recursive: true });
    writeFileSync(path.join(home, "package.json"), JSON.stringify({ name: "mine", type: "module" }));
  }, 120_000);
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it("is tested with @attune/kernels-wgsl/testing alone, and its fault comes with a replay command", {
    timeout: 120_000,
  }, async () => {
    const fine = await run();
    expect(fine.stdout, fine.stderr).toMatch(/^ok: 201 runs/m);
    expect(fine.code).toBe(0);

    const file = path.join(home, "scaleRows.wgsl");
    writeFileSync(file, readFileSync(file, "utf8").replace("* s[row]; }", "* s[0]; }"));
    const broken = await run();
    expect(broken.code).toBe(1);
    // shrunk to the smallest that fails: two rows of one column
    const [, dims, seed] = /again: node scaleRows\.mjs --dims (\S+) --seed (\d+)/.exec(broken.stdout)!;
    expect(dims).toBe("rows=2,cols=1");
    const replayed = await run("--dims", dims!, "--seed", seed!);
    expect(replayed).toMatchObject({ code: 1, stdout: broken.stdout });
  });

  it("is read off its text as the kernels of the package are", () => {
    for (const kernel of fileKernels) expect(readKernel(kernel.name, kernel.code)).toEqual(kernel);
    const text = "struct Params { n: vec2u }\n@group(0) @binding(0) var<uniform> params: Params;";
    expect(() => readKernel("mine/bad", text)).toThrow("kernel mine/bad: param `n: vec2u` is not a u32, i32 or f32");
    expect(() => readKernel("mine/bad", "fn main() {}")).toThrow("kernel mine/bad: expected `@group(0)");
  });
});
