// The house rules about imports, as functions from sources to faults. architecture.test.ts holds the project to them,
// and shows on made-up sources that each of them can fail.
import path from "node:path";
import type { Source } from "./imports.js";

export interface Workspace {
  /** "packages/tensor" */
  folder: string;
  /** "@attune/tensor" */
  name: string;
  exports: Record<string, Record<string, string>>;
  /** What its code may import when it runs. */
  dependencies: string[];
}

export interface Project {
  workspaces: Workspace[];
  sources: Source[];
}

/** Who may know whom. Nothing else is allowed, and no package knows one that stands after it. */
export const ARROWS: Record<string, readonly string[]> = {
  "@attune/kernels-wgsl": [],
  "@attune/tensor": ["@attune/kernels-wgsl"],
  "@attune/models": ["@attune/kernels-wgsl", "@attune/tensor"],
  "@attune/tuning": ["@attune/kernels-wgsl", "@attune/tensor", "@attune/models"],
  "@attune/eval": ["@attune/kernels-wgsl", "@attune/tensor", "@attune/models"],
  "@attune/cli": ["@attune/kernels-wgsl", "@attune/tensor", "@attune/models", "@attune/tuning", "@attune/eval"],
};

const isTest = (file: string) => file.endsWith(".test.ts");
/** Files that only ever run in Node. Everything else also runs in a browser. */
const mayUseNode = (file: string) =>
  isTest(file) || /^(scripts|tests|apps\/cli|bench|examples)\//.test(file) || /\/src\/node(\.ts$|\/)/.test(file);

const workspaceOf = ({ workspaces }: Project, file: string) => workspaces.find(({ folder }) => file.startsWith(`${folder}/`));
/** "@attune/tensor/node" -> "@attune/tensor", "yaml/util" -> "yaml" */
const packageOf = (specifier: string) => /^(@[^/]+\/[^/]+|[^/]+)/.exec(specifier)![1]!;

/** Imports between packages follow the arrows, name an exported entry, and never reach into another folder. */
export function arrowFaults(project: Project): string[] {
  const faults: string[] = [];
  for (const source of project.sources) {
    const from = workspaceOf(project, source.path);
    if (!from || !(from.name in ARROWS)) continue;
    for (const { specifier } of source.imports) {
      if (specifier.startsWith(".")) {
        const target = path.posix.join(path.posix.dirname(source.path), specifier);
        if (!target.startsWith(`${from.folder}/`)) faults.push(`${source.path} reaches out of its package: ${specifier}`);
      } else if (specifier.startsWith("@attune/") && packageOf(specifier) !== from.name) {
        const name = packageOf(specifier);
        if (!ARROWS[from.name]!.includes(name)) faults.push(`${source.path}: ${from.name} may not know ${name}`);
        else if (!entryOf(project, specifier)) faults.push(`${source.path}: ${specifier} is no exported entry`);
      }
    }
  }
  return faults;
}

/** Only what is named in a package's own package.json is there for those who install it. */
export function undeclaredFaults(project: Project): string[] {
  const faults: string[] = [];
  for (const source of project.sources.filter(({ path: file }) => !isTest(file))) {
    const from = workspaceOf(project, source.path);
    if (!from || !(from.name in ARROWS)) continue;
    for (const { specifier } of source.imports) {
      const isOutside = !specifier.startsWith(".") && !specifier.startsWith("node:");
      const name = isOutside ? packageOf(specifier) : "";
      if (name && name !== from.name && !from.dependencies.includes(name))
        faults.push(`${source.path}: ${name} is not in its package.json`);
    }
  }
  return faults;
}

/** Node and the npm package webgpu are named in the allowed places only; all else runs in a browser. */
export function browserFaults({ sources }: Project): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    if (mayUseNode(source.path)) continue;
    for (const { specifier } of source.imports) {
      if (specifier.startsWith("node:") || packageOf(specifier) === "webgpu") faults.push(`${source.path} imports ${specifier}`);
      // The node entry of another package would bring the same in by a detour.
      else if (/^@attune\/[^/]+\/node$/.test(specifier)) faults.push(`${source.path} imports ${specifier}`);
    }
    for (const name of source.nodeGlobals) faults.push(`${source.path} uses the global ${name}`);
  }
  return faults;
}

/** Metrics are pure functions: nothing they reach knows a tensor or a device. */
export function metricFaults(project: Project): string[] {
  const graph = edges(project);
  const reached = new Map<string, string>();
  const queue = project.sources
    .map((source) => source.path)
    .filter((file) => file.includes("eval/src/metrics/") && !isTest(file));
  for (const file of queue) reached.set(file, file);
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    for (const next of graph.get(file) ?? []) {
      if (reached.has(next)) continue;
      reached.set(next, `${reached.get(file)} > ${next}`);
      queue.push(next);
    }
  }
  return [...reached].filter(([file]) => /^packages\/(tensor|kernels-wgsl)\//.test(file)).map(([, way]) => way);
}

/** Files that import each other in a circle, each circle once. Type-only imports are none: they are gone when code runs. */
export function cycleFaults(project: Project): string[] {
  const graph = edges(project);
  const state = new Map<string, "open" | "done">();
  const faults: string[] = [];
  const walk = (file: string, way: string[]): void => {
    state.set(file, "open");
    for (const next of graph.get(file) ?? []) {
      if (state.get(next) === "open") faults.push([...way.slice(way.indexOf(next)), next].join(" > "));
      else if (!state.has(next)) walk(next, [...way, next]);
    }
    state.set(file, "done");
  };
  for (const file of graph.keys()) if (!state.has(file)) walk(file, [file]);
  return faults;
}

/** Every entry of an exports map has its source, and the built names that belong to that source. */
export function exportFaults({ workspaces, sources }: Project): string[] {
  const files = new Set(sources.map((source) => source.path));
  const faults: string[] = [];
  for (const { folder, name, exports } of workspaces) {
    for (const [entry, conditions] of Object.entries(exports)) {
      const source = conditions["@attune/source"] ?? "";
      if (!files.has(path.posix.join(folder, source)))
        faults.push(`${name} "${entry}": no source ${source || "(no @attune/source condition)"}`);
      const built = source.replace("./src/", "./dist/").replace(/\.ts$/, "");
      if (conditions.types !== `${built}.d.ts` || conditions.default !== `${built}.js`)
        faults.push(`${name} "${entry}": its built files are not those of ${source}`);
    }
  }
  return faults;
}

/** file -> files that it loads, within and across packages. */
function edges(project: Project): Map<string, string[]> {
  const files = new Set(project.sources.map((source) => source.path));
  const graph = new Map<string, string[]>();
  for (const source of project.sources) {
    const targets = source.imports
      .filter(({ isTypeOnly }) => !isTypeOnly)
      .map(({ specifier }) => resolve(project, source.path, specifier));
    graph.set(source.path, [...new Set(targets.filter((target) => files.has(target)))]);
  }
  return graph;
}

function resolve(project: Project, from: string, specifier: string): string {
  if (!specifier.startsWith(".")) return entryOf(project, specifier);
  return path.posix.join(path.posix.dirname(from), specifier).replace(/\.js$/, ".ts");
}

function entryOf({ workspaces }: Project, specifier: string): string {
  const name = packageOf(specifier);
  const workspace = workspaces.find((one) => one.name === name);
  const source = workspace?.exports[`.${specifier.slice(name.length)}`]?.["@attune/source"];
  return workspace && source ? path.posix.join(workspace.folder, source) : "";
}
