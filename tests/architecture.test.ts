// Holds the project to its house rules, and shows on made-up sources that each rule can fail.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readSource } from "./architecture/imports.js";
import {
  ARROWS,
  arrowFaults,
  browserFaults,
  cycleFaults,
  exportFaults,
  metricFaults,
  type Project,
  undeclaredFaults,
} from "./architecture/rules.js";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

function readProject(): Project {
  const workspaces = [];
  const sources = [];
  for (const group of ["packages", "apps"]) {
    for (const name of readdirSync(path.join(root, group)).sort()) {
      const folder = `${group}/${name}`;
      const manifest = JSON.parse(readFileSync(path.join(root, folder, "package.json"), "utf8"));
      const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
      workspaces.push({ folder, name: manifest.name, exports: manifest.exports ?? {}, dependencies });
      for (const file of readdirSync(path.join(root, folder, "src"), { recursive: true }) as string[]) {
        const name = `${folder}/src/${file.split(path.sep).join("/")}`;
        if (name.endsWith(".ts")) sources.push(readSource(name, readFileSync(path.join(root, name), "utf8")));
      }
    }
  }
  return { workspaces, sources };
}

describe("the project", () => {
  const project = readProject();

  test("has every package that the arrows name, and no other", () => {
    expect(project.workspaces.map(({ name }) => name).sort()).toEqual(Object.keys(ARROWS).sort());
    expect(project.sources.length).toBeGreaterThan(20);
  });
  test("arrows point one way", () => expect(arrowFaults(project)).toEqual([]));
  test("imports are declared", () => expect(undeclaredFaults(project)).toEqual([]));
  test("no import goes in a circle", () => expect(cycleFaults(project)).toEqual([]));
  test("what is for browsers knows no Node", () => expect(browserFaults(project)).toEqual([]));
  test("metrics know no tensor", () => expect(metricFaults(project)).toEqual([]));
  test("exports have their sources", () => expect(exportFaults(project)).toEqual([]));
});

describe("a made-up project with a fault", () => {
  const entry = (file: string) => ({
    "@attune/source": `./src/${file}.ts`,
    types: `./dist/${file}.d.ts`,
    default: `./dist/${file}.js`,
  });
  const workspace = (name: string, dependencies: string[] = []) => ({
    folder: `packages/${name}`,
    name: `@attune/${name}`,
    exports: { ".": entry("index"), "./node": entry("node") },
    dependencies,
  });
  /** Three packages with an index and a node entry each, and the given files besides or instead. */
  const project = (files: Record<string, string>): Project => {
    const all: Record<string, string> = {};
    for (const name of ["kernels-wgsl", "tensor", "eval"]) {
      all[`packages/${name}/src/index.ts`] = "export {};";
      all[`packages/${name}/src/node.ts`] = 'import "node:fs"; import "webgpu";';
    }
    return {
      workspaces: [
        workspace("kernels-wgsl", ["webgpu"]),
        workspace("tensor", ["@attune/kernels-wgsl", "webgpu"]),
        workspace("eval", ["@attune/tensor", "webgpu"]),
      ],
      sources: Object.entries({ ...all, ...files }).map(([file, text]) => readSource(file, text)),
    };
  };

  test("without a fault passes", () => {
    const sound = project({
      "packages/tensor/src/index.ts": 'import { a } from "@attune/kernels-wgsl"; export const process = { env: a };',
    });
    const rules = [arrowFaults, undeclaredFaults, cycleFaults, browserFaults, metricFaults, exportFaults];
    expect(rules.flatMap((rule) => rule(sound))).toEqual([]);
  });

  test("an arrow backwards, also by type, by a late import or by a path", () => {
    for (const code of ['import "@attune/tensor"', 'import type { T } from "@attune/tensor"', 'await import("@attune/tensor")']) {
      expect(arrowFaults(project({ "packages/kernels-wgsl/src/a.ts": code }))).toEqual([
        "packages/kernels-wgsl/src/a.ts: @attune/kernels-wgsl may not know @attune/tensor",
      ]);
    }
    expect(arrowFaults(project({ "packages/tensor/src/a.ts": 'export * from "../../kernels-wgsl/src/index.js"' }))[0]).toMatch(
      /out of its package/,
    );
    expect(arrowFaults(project({ "packages/tensor/src/a.ts": 'import "@attune/kernels-wgsl/src/x.js"' }))[0]).toMatch(
      /no exported entry/,
    );
  });

  test("an import that package.json does not name", () => {
    expect(undeclaredFaults(project({ "packages/tensor/src/a.ts": 'import { parse } from "yaml/util"' }))).toEqual([
      "packages/tensor/src/a.ts: yaml is not in its package.json",
    ]);
    expect(undeclaredFaults(project({ "packages/tensor/src/a.test.ts": 'import "vitest"' }))).toEqual([]);
  });

  test("a circle within a package, through a re-export, and between packages", () => {
    const circle = {
      "packages/tensor/src/a.ts": 'import { b } from "./b.js"',
      "packages/tensor/src/b.ts": 'export { a } from "./a.js"',
    };
    expect(cycleFaults(project(circle))).toEqual([
      "packages/tensor/src/a.ts > packages/tensor/src/b.ts > packages/tensor/src/a.ts",
    ]);
    const types = { ...circle, "packages/tensor/src/b.ts": 'import type { A } from "./a.js"' };
    expect(cycleFaults(project(types))).toEqual([]);
    // With verbatimModuleSyntax this one still loads the file.
    expect(cycleFaults(project({ ...circle, "packages/tensor/src/b.ts": 'import { type A } from "./a.js"' }))).toHaveLength(1);
    const between = {
      "packages/tensor/src/index.ts": 'import "@attune/eval"',
      "packages/eval/src/index.ts": 'import "@attune/tensor"',
    };
    expect(cycleFaults(project(between))).toHaveLength(1);
  });

  test("Node where a browser must be able to go", () => {
    const faults = (code: string) => browserFaults(project({ "packages/tensor/src/a.ts": code }));
    expect(faults('import { readFile } from "node:fs/promises"')).toEqual(["packages/tensor/src/a.ts imports node:fs/promises"]);
    expect(faults('const { create } = await import("webgpu")')).toEqual(["packages/tensor/src/a.ts imports webgpu"]);
    expect(faults('import "@attune/tensor/node"')).toEqual(["packages/tensor/src/a.ts imports @attune/tensor/node"]);
    expect(faults("export const level = process.env.DEBUG; new Buffer(3); require('x');")).toHaveLength(3);
    expect(faults("const process = (x: { process: number }) => x.process; export { process };")).toEqual([]);
  });

  test("a metric that reaches the engine by a detour", () => {
    const files = {
      "packages/eval/src/metrics/rouge.ts": 'import "../index.js"',
      "packages/eval/src/index.ts": 'import "@attune/tensor"',
    };
    expect(metricFaults(project(files))).toEqual([
      "packages/eval/src/metrics/rouge.ts > packages/eval/src/index.ts > packages/tensor/src/index.ts",
    ]);
  });

  test("an export without its source, or with another one's build", () => {
    const { workspaces, sources } = project({});
    const broken = {
      ...workspaces[0]!,
      exports: { ".": entry("gone"), "./node": { ...entry("node"), default: "./dist/index.js" } },
    };
    expect(exportFaults({ workspaces: [broken], sources })).toEqual([
      '@attune/kernels-wgsl ".": no source ./src/gone.ts',
      '@attune/kernels-wgsl "./node": its built files are not those of ./src/node.ts',
    ]);
  });
});
