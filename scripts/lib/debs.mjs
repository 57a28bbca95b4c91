// Debian packages into a folder of the project, as an ordinary user: what driver.mjs and browser.mjs have in common.
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { closure, distributionEntry, errorLine, privateApt, releaseCodename, systemSources } from "./apt.mjs";
import { capture } from "./process.mjs";

const OFFLINE =
  /resolv|could not connect|unable to connect|connection (refused|timed out|failed|reset)|network is unreachable|timed out|no route/i;

/** An error that a person can act on: one line, and an exit code by class (4 device, 5 storage, 6 network). */
export class SetupError extends Error {
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Fetches packages with all they depend on and unpacks them into `folder`/root; `finish` then makes them usable and checks them. The
 * folder appears whole or not at all.
 * @param what for messages: "WebGPU adapter"
 * @param release a release to prefer ("backports"), for packages too old in the one in use
 */
export async function fetchPackages({ state, name, what, wanted, leave, prefersBackports, log, finish }) {
  if (process.platform !== "linux" || !has("apt-get") || !has("dpkg")) {
    throw new SetupError(`no ${what}, and no apt here to fetch one with`, 4);
  }
  const codename = await releaseCodename();
  const entry = distributionEntry(await systemSources(), codename);
  if (!entry) throw new SetupError(`no ${what}, and /etc/apt names no mirror for "${codename}": install ${wanted.join(", ")}`, 4);
  await mkdir(state, { recursive: true }).catch((error) => {
    throw new SetupError(`cannot write ${state}: ${error.code}`, 5);
  });
  await removeStale(state, name);
  const temporary = path.join(state, `${name}.tmp-${process.pid}`);
  const home = path.join(state, name);
  try {
    log("  package lists: about 10 MB, read once and removed again");
    const { apt, release } = await readLists(path.join(temporary, "apt"), entry, codename, what, prefersBackports);
    const { packages: all, error } = await closure(apt, wanted, release);
    const packages = all.filter((one) => !leave.test(one.name));
    const main = packages.find((one) => one.name === wanted[0]);
    if (!main) throw new SetupError(`the mirror offers no ${wanted[0]}: ${error ?? "nothing to fetch"}`, 4);
    const bytes = packages.reduce((sum, one) => sum + one.bytes, 0);
    log(`  packages: ${packages.length} files, ${(bytes / 1e6).toFixed(0)} MB (${wanted[0]} ${main.version}) -> ${home}`);
    const unpacked = path.join(temporary, name);
    await unpack(apt, packages, path.join(temporary, "debs"), path.join(unpacked, "root"));
    const found = await finish(unpacked, home, main.version);
    await rm(home, { recursive: true, force: true });
    await rename(unpacked, home).catch((error) => {
      if (!existsSync(path.join(home, "root"))) throw error; // else another process put it there in the meantime: as good as ours
    });
    return found;
  } catch (error) {
    if (error?.code === "ENOSPC" || error?.code === "EACCES") throw new SetupError(`cannot write ${state}: ${error.code}`, 5);
    throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** With the backports where they are wanted and the release has them. */
async function readLists(folder, entry, codename, what, prefersBackports) {
  const updates = entry.suites.includes(`${codename}-updates`) ? [`${codename}-updates`] : [];
  const backports = `${codename}-backports`;
  if (prefersBackports) {
    const apt = await privateApt(folder, entry, [codename, ...updates, backports]);
    const first = await apt("apt-get", ["update", "-q"]);
    if (first.code === 0) return { apt, release: backports };
    if (OFFLINE.test(first.stderr)) throw unreachable(what, first.stderr);
  }
  const plain = await privateApt(folder, entry, [codename, ...updates]);
  const second = await plain("apt-get", ["update", "-q"]);
  if (second.code === 0) return { apt: plain, release: "" };
  if (OFFLINE.test(second.stderr)) throw unreachable(what, second.stderr);
  throw new SetupError(`cannot read the package lists: ${errorLine(second.stderr)}`, 6);
}

function unreachable(what, stderr) {
  return new SetupError(`no ${what}, and the package mirror cannot be reached to fetch one (${errorLine(stderr)})`, 6);
}

async function unpack(apt, packages, debs, target) {
  await mkdir(debs, { recursive: true });
  await mkdir(target, { recursive: true });
  const names = packages.map(({ name, version }) => `${name}=${version}`);
  const run = await apt("apt-get", ["download", "-q", ...names], { cwd: debs }); // apt checks size and hash
  if (run.code !== 0) throw new SetupError(`download failed: ${errorLine(run.stderr)}`, OFFLINE.test(run.stderr) ? 6 : 5);
  for (const file of await readdir(debs)) {
    const done = await capture("dpkg", ["-x", path.join(debs, file), target]);
    if (done.code !== 0) throw new SetupError(`cannot unpack ${file}: ${errorLine(done.stderr)}`, 5);
  }
}

/** The first file of this name under a folder, or an empty string. */
export async function find(folder, name) {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const here = entries.find((entry) => entry.name === name);
  if (here) return path.join(folder, name);
  for (const entry of entries.filter((one) => one.isDirectory())) {
    const found = await find(path.join(folder, entry.name), name);
    if (found) return found;
  }
  return "";
}

/** What an interrupted run left: its folder bears the number of a process that is gone. */
async function removeStale(state, what) {
  for (const name of await readdir(state)) {
    const pid = name.startsWith(`${what}.tmp-`) ? Number(name.slice(what.length + 5)) : 0;
    if (pid && !isAlive(pid)) await rm(path.join(state, name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Whether a program can be started by its bare name. */
export const has = (tool) => (process.env.PATH ?? "").split(path.delimiter).some((folder) => existsSync(path.join(folder, tool)));
