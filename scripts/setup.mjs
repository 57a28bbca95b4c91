// Set-up in one step, safe to run before everything: packages, kernels and builds, an adapter. Each part is skipped when
// nothing changed since the last time, so that a second run costs well under a second. Node built-ins only: on a fresh
// clone nothing else is there yet.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ensureAdapter, projectRoot, SetupError } from "./driver.mjs";
import { hashOf, isInstalled } from "./lib/fresh.mjs";
import { capture, passThrough } from "./lib/process.mjs";

const root = projectRoot;
const stampFile = path.join(root, ".attune", "setup.json");

/** Does what is missing. Returns { adapter, source }; throws SetupError when a person has to do something. */
export async function setup({ log = console.log } = {}) {
  checkNode(process.versions.node);
  const stamp = JSON.parse((await readFile(stampFile, "utf8").catch(() => "")) || "{}");
  if (!(await isInstalled(root))) await install(log);
  const sources = await hashOf(root, await sourceFiles());
  if (stamp.sources !== sources || !existsSync(path.join(root, "apps/cli/dist/main.js"))) await build(log);
  if (stamp.found && stamp.sources === sources && stamp.machine === (await machineHash())) return stamp.found;
  const found = await ensureAdapter({ root, log });
  // Hashed after the driver came: its own files are part of what decides.
  await remember({ sources, machine: await machineHash(), found });
  return found;
}

function checkNode(version) {
  const [major, minor] = version.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(`Node ${version} is too old: attune needs Node 20.19 or newer`, 2);
}

async function install(log) {
  log("Installing packages (npm ci) ...");
  // Under `npm start` the npm that runs us is named; on Windows it could not be started by its bare name.
  const npm = process.env.npm_execpath;
  const [command, args] = npm && /\.[cm]?js$/.test(npm) ? [process.execPath, [npm]] : ["npm", []];
  const code = await passThrough(command, [...args, "ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: root });
  if (code !== 0) throw new SetupError("npm ci failed: its message is above; it needs the network", 6);
}

async function build(log) {
  log("Building the packages ...");
  const turbo = path.join(root, "node_modules", ".bin", process.platform === "win32" ? "turbo.cmd" : "turbo");
  await mustRun("the build", turbo, [
    "run",
    "build",
    "--env-mode=loose",
    "--ui=stream",
    "--output-logs=errors-only",
    "--concurrency=2",
  ]);
}

async function mustRun(what, command, args) {
  const run = await capture(command, args, { cwd: root, env: turboEnv() });
  if (run.code === 0) return;
  const tail = `${run.stdout}\n${run.stderr}`.trim().split("\n").slice(-60).join("\n");
  throw new SetupError(`${what} failed:\n${tail}`, 1);
}

/** turborepo without telemetry and update notices, in any process of ours. */
export const turboEnv = (env = process.env) => ({
  ...env,
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  DO_NOT_TRACK: "1",
});

/** All that a build reads. */
async function sourceFiles() {
  const files = ["package-lock.json", "tsconfig.base.json", "turbo.json", "scripts/embed-wgsl.mjs"];
  for (const group of ["packages", "apps"]) {
    for (const name of await readdir(path.join(root, group)).catch(() => [])) {
      files.push(`${group}/${name}/package.json`, `${group}/${name}/tsconfig.build.json`);
      const src = path.join(root, group, name, "src");
      for (const file of await readdir(src, { recursive: true }).catch(() => [])) {
        if (!file.includes("generated")) files.push(path.join(group, name, "src", file));
      }
    }
  }
  return files;
}

/** What decides which adapter there is: drivers that the Vulkan loader would find, ours, and Dawn. */
async function machineHash() {
  const files = [".attune/driver/env.json", ".attune/driver/icd.json", "node_modules/webgpu/package.json"];
  for (const folder of ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"]) {
    for (const name of await readdir(folder).catch(() => [])) files.push(path.join(folder, name));
  }
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  // Device files get new times at every start of the machine; that they exist is what counts.
  const devices = ["/dev/nvidia0", "/dev/dxg", "/dev/dri"].map((file) => existsSync(file));
  return hashOf(root, files, [process.version, VK_DRIVER_FILES, VK_ICD_FILENAMES, devices]);
}

async function remember(stamp) {
  const text = JSON.stringify(stamp, null, 2);
  await mkdir(path.dirname(stampFile), { recursive: true });
  await writeFile(`${stampFile}.tmp-${process.pid}`, text);
  await rename(`${stampFile}.tmp-${process.pid}`, stampFile);
}

/** Runs set-up for a script: what a person can act on becomes one line and an exit code. Null when it failed. */
export async function setupOrExplain(options) {
  try {
    return await setup(options);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup: ${error.message}`);
    process.exitCode = error.exitCode;
    return null;
  }
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const found = await setupOrExplain();
  if (found)
    console.log(
      `ready: ${found.adapter.description || found.adapter.device} (${found.source === "system" ? "the system's" : ".attune/driver"})`,
    );
}
