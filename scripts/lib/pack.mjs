// The packages as they would be published: packed from their builds, with their manifests.
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "../driver.mjs";

/** @typedef {{ name: string, folder: string, file: string, files: string[], manifest: any }} Packed */

/** Workspaces that are published: { folder, manifest } of each. */
export async function publishedPackages() {
  const found = [];
  for (const group of ["packages", "apps"]) {
    for (const name of (await readdir(path.join(projectRoot, group))).sort()) {
      const folder = `${group}/${name}`;
      const manifest = JSON.parse(await readFile(path.join(projectRoot, folder, "package.json"), "utf8"));
      if (!manifest.private) found.push({ folder, manifest });
    }
  }
  return found;
}

/**
 * Packs every package into the folder `to`, in one call of npm. They have to be built.
 * @returns {Promise<Map<string, Packed>>} by name
 */
export async function packAll(to) {
  const packages = await publishedPackages();
  const words = ["pack", "--json", "--loglevel=error", "--foreground-scripts=false", "--pack-destination", to];
  for (const { folder } of packages) words.push("-w", folder);
  const { stdout } = await npm(words, projectRoot);
  const packed = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  return new Map(
    packages.map(({ folder, manifest }) => {
      const one = Object.values(packed).find(({ name }) => name === manifest.name);
      return [
        manifest.name,
        { name: manifest.name, folder, manifest, file: path.join(to, one.filename), files: one.files.map((file) => file.path) },
      ];
    }),
  );
}

/**
 * The files to install for a package: its own, and those of the packages of this project that its manifest asks for, and theirs.
 * What a manifest forgets is therefore not there.
 */
export function closureOf(name, packed) {
  const names = new Set([name]);
  for (const one of names) {
    for (const other of Object.keys(packed.get(one).manifest.dependencies ?? {})) if (packed.has(other)) names.add(other);
  }
  return [...names].map((one) => packed.get(one).file);
}

/** npm in a folder. Rejects with what it said. */
export async function npm(words, cwd) {
  // Under `npm test` the npm that runs us is named; on Windows it could not be started by its bare name.
  const own = process.env.npm_execpath;
  const [command, first] = own && /\.[cm]?js$/.test(own) ? [process.execPath, [own]] : ["npm", []];
  return promisify(execFile)(command, [...first, ...words], { cwd, maxBuffer: 1 << 26, env: npmEnv() });
}

/** Without what an outer npm hands down to its scripts (npm_config_workspace and the like): it would steer this one. */
function npmEnv() {
  const kept = /^npm_config_(cache|registry|proxy|https_proxy|cafile|userconfig)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/.test(name) || kept.test(name)));
}
