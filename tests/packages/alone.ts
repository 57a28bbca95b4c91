// Packages as their users have them: installed from what npm packs into an empty folder, outside the project.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { closureOf, npm, type Packed } from "../../scripts/lib/pack.mjs";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** A package that needs Dawn is installed with it, as its page says. */
const WEBGPU = "webgpu@0.6.2";

/** Installs a package and what its manifest names, and nothing else, in `folder`. */
export async function installAlone(name: string, packed: Map<string, Packed>, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const peer = packed.get(name)!.manifest.peerDependencies?.webgpu ? [WEBGPU] : [];
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  await npm(["install", ...quiet, ...closureOf(name, packed), ...peer], folder);
}

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** A command line in a folder, by bash. Never rejects for an exit code. */
export function shell(command: string, cwd: string): Promise<Ended> {
  // as on a user's machine: none of the project's own conditions, none of an outer npm's settings
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS" && !/^npm_(?!config_(cache|registry)$)/.test(name)),
  );
  return new Promise((resolve) => {
    const child = execFile("bash", ["-c", command], { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ code: error ? (typeof error.code === "number" ? error.code : 1) : 0, stdout, stderr }),
    );
    child.stdin!.end();
  });
}
