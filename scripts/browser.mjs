// A headless Chromium for tests/browser: the system's, or Debian's package unpacked into .attune/browser, without root.
// `node scripts/browser.mjs` finds or fetches it and prints where it is.
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { projectRoot } from "./driver.mjs";
import { fetchPackages, find, SetupError } from "./lib/debs.mjs";
import { capture } from "./lib/process.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/** What must match this system's C library, and what a browser without a screen does without. */
const NEVER_UNPACK = new RegExp(
  "^(libc6|libgcc-s1|libstdc\\+\\+6|gcc-[\\d.]+-base|perl.*|libperl.*|python.*|debconf|dpkg|tar|systemd.*|libsystemd-shared|udev|init.*|" +
    "adduser|passwd|login|adwaita-icon-theme|hicolor-icon-theme|libllvm.*|libz3.*|libgl1-mesa-dri|mesa-.*|xkb-data|dbus.*)$",
);

/**
 * { command, env } of a Chromium that starts, or { reason } where there is none to be had. ATTUNE_CHROMIUM names one.
 * @param fetches whether it may be fetched (about 170 MB, once)
 */
export async function findBrowser({ root = projectRoot, log = console.log, fetches = true } = {}) {
  const { ATTUNE_CHROMIUM, PATH = "" } = process.env;
  if (ATTUNE_CHROMIUM) return { command: ATTUNE_CHROMIUM, env: process.env };
  for (const folder of PATH.split(path.delimiter)) {
    for (const name of NAMES)
      if (existsSync(path.join(folder, name))) return { command: path.join(folder, name), env: process.env };
  }
  const state = path.join(root, ".attune");
  const own = await unpackedBrowser(path.join(state, "browser"));
  if (own) return own;
  if (!fetches) return { reason: "no Chromium on this machine; `node scripts/browser.mjs` fetches one" };
  try {
    log("No Chromium found. Getting Debian's, as an ordinary user, into .attune/browser, for the browser tests.");
    await fetchPackages({
      state,
      name: "browser",
      what: "Chromium",
      wanted: ["chromium"],
      leave: NEVER_UNPACK,
      prefersBackports: false,
      log,
      async finish(unpacked, _home, version) {
        const browser = await unpackedBrowser(unpacked);
        if (!browser) throw new SetupError(`Chromium ${version} does not start here`, 4);
      },
    });
    return (await unpackedBrowser(path.join(state, "browser"))) ?? { reason: "the fetched Chromium does not start" };
  } catch (error) {
    if (error instanceof SetupError) return { reason: error.message };
    throw error;
  }
}

async function unpackedBrowser(folder) {
  const command = path.join(folder, "root/usr/lib/chromium/chromium");
  if (!existsSync(command)) return null;
  const library = await find(path.join(folder, "root/usr/lib"), "libnss3.so");
  const directory = path.dirname(library);
  const libraries = [directory, path.join(directory, "pulseaudio"), path.join(folder, "root/lib", path.basename(directory))];
  const env = { ...process.env, LD_LIBRARY_PATH: libraries.filter((one) => existsSync(one)).join(":") };
  const run = await capture(command, ["--version"], { env, timeoutMs: 60_000 });
  return run.code === 0 ? { command, env } : null;
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const found = await findBrowser();
  console.log(found.command ? `Chromium: ${found.command}` : `no Chromium: ${found.reason}`);
  if (!found.command) process.exitCode = 4;
}
