// A software Vulkan driver (Mesa lavapipe) in .attune/driver, for machines where Dawn finds no adapter: no root, nothing
// outside the project is changed. `node scripts/driver.mjs` probes, and fetches it where it is needed; `--force` fetches it anyway.
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { closure, distributionEntry, errorLine, privateApt, releaseCodename, systemSources } from "./lib/apt.mjs";
import { probeAdapter } from "./lib/probe.mjs";
import { capture } from "./lib/process.mjs";

export const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const WANTED = ["mesa-vulkan-drivers", "libvulkan1"];
// The C and C++ runtime must be the one that Node itself runs on.
const NEVER_UNPACK = /^(libc6|libgcc-s1|libstdc\+\+6|gcc-[\d.]+-base|libx11-data|libdrm-common)$/;
const OFFLINE =
  /resolv|could not connect|unable to connect|connection (refused|timed out|failed|reset)|network is unreachable|timed out|no route/i;

/** An error that a person can act on: one line, and an exit code by class (4 device, 5 storage, 6 network). */
export class SetupError extends Error {
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

const foldersOf = (root) => ({ state: path.join(root, ".attune"), driver: path.join(root, ".attune", "driver") });

/** The environment that makes Vulkan find the project's driver, or null where there is none or a real one is in use. */
export function driverEnv(root = projectRoot) {
  try {
    const env = JSON.parse(readFileSync(path.join(foldersOf(root).driver, "env.json"), "utf8"));
    return existsSync(env.VK_DRIVER_FILES) ? env : null;
  } catch {
    return null;
  }
}

/** `env` with the project's driver added, unless the caller has already chosen a driver. */
export function withDriverEnv(env = process.env, root = projectRoot) {
  if (env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES) return { ...env };
  const extra = driverEnv(root);
  if (!extra) return { ...env };
  const libraries = [extra.LD_LIBRARY_PATH, env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return { ...extra, ...env, VK_DRIVER_FILES: extra.VK_DRIVER_FILES, LD_LIBRARY_PATH: libraries };
}

/**
 * Finds an adapter: the system's own if Dawn sees one, else the project's software driver, fetched if it is not there yet.
 * Returns { adapter, source: "system" | "driver" }; throws SetupError with what to do.
 */
export async function ensureAdapter({ root = projectRoot, log = console.log, force = false } = {}) {
  const { driver } = foldersOf(root);
  const system = await probeAdapter(process.env);
  if (system.ok && !force) {
    await useDriver(driver, false);
    return { adapter: system.adapter, source: "system" };
  }
  if (system.reason === "cannot-load") throw new SetupError(cannotLoad(system.message), 4);
  if (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES) {
    throw new SetupError("the Vulkan driver named by VK_DRIVER_FILES gives no adapter; unset it and run this again", 4);
  }
  if (!force && (await useDriver(driver, true))) {
    await writeEnv(driver, driver).catch(() => {}); // the project may have been moved: the paths in it are absolute
    const own = await probeAdapter(withDriverEnv(process.env, root));
    if (own.ok) return { adapter: own.adapter, source: "driver" };
    log("The software driver in .attune/driver does not answer; fetching it again.");
  }
  const adapter = await fetchDriver(root, log);
  return { adapter, source: "driver" };
}

/** env.json is what switches the driver on; the unpacked files stay, so that going back to it costs nothing. */
async function useDriver(driver, isWanted) {
  const on = path.join(driver, "env.json");
  const off = path.join(driver, "env.unused.json");
  const [from, to] = isWanted ? [off, on] : [on, off];
  await rename(from, to).catch(() => {});
  return existsSync(on);
}

async function fetchDriver(root, log) {
  const { state, driver } = foldersOf(root);
  const hasApt = process.platform === "linux" && has("apt-get") && has("dpkg");
  if (!hasApt) throw new SetupError(await adviceWithoutApt(), 4);
  const codename = await releaseCodename();
  const entry = distributionEntry(await systemSources(), codename);
  if (!entry) {
    throw new SetupError(
      `no WebGPU adapter, and /etc/apt names no mirror for "${codename}": install mesa-vulkan-drivers (25 or newer)`,
      4,
    );
  }
  await mkdir(state, { recursive: true }).catch((error) => {
    throw new SetupError(`cannot write ${state}: ${error.code}`, 5);
  });
  await removeStale(state);
  const temporary = path.join(state, `driver.tmp-${process.pid}`);
  try {
    log("No graphics adapter found. Getting a software Vulkan driver (Mesa lavapipe), as an ordinary user, into .attune/driver.");
    log("  package lists: about 10 MB, read once and removed again");
    const { apt, release } = await readLists(path.join(temporary, "apt"), entry, codename);
    const { packages: all, error } = await closure(apt, WANTED, release);
    const packages = all.filter(({ name }) => !NEVER_UNPACK.test(name));
    const mesa = packages.find(({ name }) => name === "mesa-vulkan-drivers");
    if (!mesa) throw new SetupError(`the mirror offers no mesa-vulkan-drivers: ${error ?? "nothing to fetch"}`, 4);
    const bytes = packages.reduce((sum, one) => sum + one.bytes, 0);
    log(`  packages: ${packages.length} files, ${(bytes / 1e6).toFixed(0)} MB (Mesa ${mesa.version}) -> ${driver}`);
    const unpacked = path.join(temporary, "driver");
    await unpack(apt, packages, path.join(temporary, "debs"), path.join(unpacked, "root"));
    const env = await writeEnv(unpacked, unpacked);
    const probe = await probeAdapter({ ...process.env, ...env });
    if (!probe.ok) {
      throw new SetupError(`Mesa ${mesa.version} gives Dawn no adapter (${probe.message}); 25.0 or newer is known to work`, 4);
    }
    await writeEnv(unpacked, driver);
    await rm(driver, { recursive: true, force: true });
    await rename(unpacked, driver).catch(async (error) => {
      if (!driverEnv(root)) throw error; // else another process put it there in the meantime: as good as ours
    });
    log(`  ready: ${probe.adapter.description || probe.adapter.device}`);
    return probe.adapter;
  } catch (error) {
    if (error?.code === "ENOSPC" || error?.code === "EACCES") throw new SetupError(`cannot write ${state}: ${error.code}`, 5);
    throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** With the backports where the release has them: Debian 12's own Mesa is too old for Dawn. */
async function readLists(folder, entry, codename) {
  const updates = entry.suites.includes(`${codename}-updates`) ? [`${codename}-updates`] : [];
  const backports = `${codename}-backports`;
  const apt = await privateApt(folder, entry, [codename, ...updates, backports]);
  const first = await apt("apt-get", ["update", "-q"]);
  if (first.code === 0) return { apt, release: backports };
  const why = errorLine(first.stderr);
  if (OFFLINE.test(first.stderr))
    throw new SetupError(`no WebGPU adapter, and the package mirror cannot be reached to fetch one (${why})`, 6);
  const plain = await privateApt(folder, entry, [codename, ...updates]);
  const second = await plain("apt-get", ["update", "-q"]);
  if (second.code !== 0) throw new SetupError(`cannot read the package lists: ${errorLine(second.stderr)}`, 6);
  return { apt: plain, release: "" };
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

/** Writes the ICD and env.json of the tree in `folder`, as seen from `home`, its place once it is renamed. */
async function writeEnv(folder, home) {
  const library = await find(path.join(folder, "root"), "libvulkan_lvp.so");
  const loader = await find(path.join(folder, "root"), "libvulkan.so.1");
  if (!library || !loader) throw new SetupError("the Mesa package holds no lavapipe for this processor", 4);
  const seen = (file) => path.join(home, path.relative(folder, file));
  const directories = new Set([path.dirname(library), path.dirname(loader)].map(seen));
  // Before the merge of /usr some libraries are packaged under /lib.
  const triplet = path.basename(path.dirname(library));
  if (existsSync(path.join(folder, "root/lib", triplet))) directories.add(seen(path.join(folder, "root/lib", triplet)));
  const env = {
    VK_DRIVER_FILES: path.join(home, "icd.json"),
    LD_LIBRARY_PATH: [...directories].join(":"),
    MESA_SHADER_CACHE_DIR: path.join(path.dirname(home), "shader-cache"),
  };
  const icd = { file_format_version: "1.0.0", ICD: { library_path: seen(library), api_version: "1.4.305" } };
  await writeIfChanged(path.join(folder, "icd.json"), icd);
  await writeIfChanged(path.join(folder, "env.json"), env);
  return env;
}

async function writeIfChanged(file, value) {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  if ((await readFile(file, "utf8").catch(() => "")) === text) return;
  await writeFile(`${file}.tmp-${process.pid}`, text);
  await rename(`${file}.tmp-${process.pid}`, file);
}

async function find(folder, name) {
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
async function removeStale(state) {
  for (const name of await readdir(state)) {
    const pid = Number(/^driver\.tmp-(\d+)$/.exec(name)?.[1]);
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

const has = (tool) => (process.env.PATH ?? "").split(path.delimiter).some((folder) => existsSync(path.join(folder, tool)));

function cannotLoad(message) {
  const hint = /GLIBC|musl|ld-linux/.test(message)
    ? "Dawn needs Linux with glibc 2.34 or newer (Debian 12, Ubuntu 22.04, Fedora 35; not Alpine)"
    : "run `npm ci`; if it stays so, this platform has no build of Dawn (npm package webgpu)";
  return `the WebGPU engine cannot be loaded: ${message}. ${hint}`;
}

async function adviceWithoutApt() {
  if (process.platform === "darwin")
    return "no WebGPU adapter: Metal is part of macOS, but this Mac (a virtual machine?) offers no GPU to it";
  if (process.platform === "win32") return "no WebGPU adapter: Direct3D 12 is part of Windows; update the graphics driver";
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const id = `${/^ID=(.*)$/m.exec(release)?.[1]} ${/^ID_LIKE=(.*)$/m.exec(release)?.[1]}`;
  const command = [
    [/fedora|rhel|centos/, "sudo dnf install mesa-vulkan-drivers vulkan-loader"],
    [/arch/, "sudo pacman -S vulkan-swrast vulkan-icd-loader"],
    [/suse/, "sudo zypper install libvulkan_lvp libvulkan1"],
    [/nixos/, "hardware.graphics.enable = true; in configuration.nix"],
  ].find(([pattern]) => pattern.test(id))?.[1];
  const what = command ?? "install a Vulkan driver: your GPU's own, or Mesa 25 or newer with lavapipe, and the Vulkan loader";
  return `no WebGPU adapter, and no apt here to fetch one with. Do this: ${what}`;
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { adapter, source } = await ensureAdapter({ force: process.argv.includes("--force") });
    console.log(`adapter: ${adapter.description || adapter.device} (${source === "system" ? "the system's" : ".attune/driver"})`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup: ${error.message}`);
    process.exitCode = error.exitCode;
  }
}
