// A software Vulkan driver (Mesa lavapipe) in .attune/driver, for machines where Dawn finds no adapter: no root, nothing
// outside the project is changed. `node scripts/driver.mjs` probes, and fetches it where it is needed; `--force` fetches it anyway.
import { existsSync, readFileSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { fetchPackages, find, has, SetupError } from "./lib/debs.mjs";
import { probeAdapter } from "./lib/probe.mjs";

export { SetupError };

export const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const WANTED = ["mesa-vulkan-drivers", "libvulkan1"];
// The C and C++ runtime must be the one that Node itself runs on.
const NEVER_UNPACK = /^(libc6|libgcc-s1|libstdc\+\+6|gcc-[\d.]+-base|libx11-data|libdrm-common)$/;
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
  const { state } = foldersOf(root);
  if (process.platform !== "linux" || !has("apt-get") || !has("dpkg")) throw new SetupError(await adviceWithoutApt(), 4);
  log("No graphics adapter found. Getting a software Vulkan driver (Mesa lavapipe), as an ordinary user, into .attune/driver.");
  return fetchPackages({
    state,
    name: "driver",
    what: "WebGPU adapter",
    wanted: WANTED,
    leave: NEVER_UNPACK,
    prefersBackports: true, // Debian 12's own Mesa is too old for Dawn
    log,
    async finish(unpacked, home, version) {
      const env = await writeEnv(unpacked, unpacked);
      const probe = await probeAdapter({ ...process.env, ...env });
      if (!probe.ok) {
        throw new SetupError(`Mesa ${version} gives Dawn no adapter (${probe.message}); 25.0 or newer is known to work`, 4);
      }
      await writeEnv(unpacked, home);
      log(`  ready: ${probe.adapter.description || probe.adapter.device}`);
      return probe.adapter;
    },
  });
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
