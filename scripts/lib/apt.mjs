// Debian and Ubuntu packages as an ordinary user: apt with sources, lists and caches of its own under one folder.
// The system's apt is only read (where its mirror is, and its keys); nothing of it is changed, no lock of it is taken.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { capture } from "./process.mjs";

const read = (file) => readFile(file, "utf8").catch(() => "");

/** The release's code name, also on derivatives, which name the release they rest on. */
export async function releaseCodename(osRelease = "/etc/os-release") {
  const fields = Object.fromEntries(
    (await read(osRelease))
      .split("\n")
      .map((line) => /^([A-Z_]+)=(.*)$/.exec(line))
      .filter(Boolean)
      .map(([, key, value]) => [key, value.replace(/^["']|["']$/g, "")]),
  );
  return fields.UBUNTU_CODENAME || fields.DEBIAN_CODENAME || fields.VERSION_CODENAME || "";
}

/** Every enabled `deb` entry of the system: { uris, suites, components, signedBy }. */
export async function systemSources(etc = "/etc/apt") {
  const parts = path.join(etc, "sources.list.d");
  const names = (await readdir(parts).catch(() => [])).sort();
  const lists = [path.join(etc, "sources.list"), ...names.filter((n) => n.endsWith(".list")).map((n) => path.join(parts, n))];
  const entries = [];
  for (const file of lists) entries.push(...parseOneLine(await read(file)));
  for (const name of names.filter((n) => n.endsWith(".sources")))
    entries.push(...parseDeb822(await read(path.join(parts, name))));
  return entries;
}

/** `deb [signed-by=/a/key] http://mirror/debian bookworm main contrib` */
export function parseOneLine(text) {
  const entries = [];
  for (const line of text.split("\n")) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
    if (!match) continue;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(match[1] ?? "")?.[1];
    entries.push({ uris: [match[2]], suites: [match[3]], components: match[4].trim().split(/\s+/), signedBy });
  }
  return entries;
}

/** Stanzas of `Types: / URIs: / Suites: / Components: / Signed-By:`. A key may stand in the stanza itself, over several lines. */
export function parseDeb822(text) {
  const entries = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = {};
    let last = "";
    for (const line of stanza.split("\n")) {
      if (line.startsWith("#")) continue;
      const field = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
      if (field) {
        last = field[1].toLowerCase();
        fields[last] = field[2];
      } else if (last && /^\s/.test(line)) fields[last] += `\n${line}`;
    }
    const words = (name) => (fields[name] ?? "").split(/\s+/).filter(Boolean);
    if (!words("types").includes("deb") || /^(no|false|0)$/i.test(fields.enabled ?? "")) continue;
    entries.push({
      uris: words("uris"),
      suites: words("suites"),
      components: words("components"),
      signedBy: fields["signed-by"],
    });
  }
  return entries;
}

/** The entry that is the distribution itself: third parties also use the code name as a suite, but have no "-updates". */
export function distributionEntry(entries, codename) {
  const rank = (entry) => {
    const uri = entry.uris[0];
    const updates = entries.some((other) => other.uris[0] === uri && other.suites.includes(`${codename}-updates`));
    return (updates ? 2 : 0) + (/\/(debian|ubuntu|ubuntu-ports)\/?$/.test(uri) ? 1 : 0);
  };
  return entries
    .filter(
      (entry) => entry.suites.includes(codename) && entry.components.includes("main") && !entry.uris[0]?.startsWith("cdrom:"),
    )
    .sort((a, b) => rank(b) - rank(a))[0];
}

/** Writes apt's private world into `folder` and returns a function that runs an apt tool in it. */
export async function privateApt(folder, entry, suites) {
  for (const name of ["lists/partial", "cache/archives/partial", "state", "empty"]) {
    await mkdir(path.join(folder, name), { recursive: true });
  }
  const fields = [
    "Types: deb",
    `URIs: ${entry.uris.join(" ")}`,
    `Suites: ${suites.join(" ")}`,
    "Components: main",
    ...(entry.signedBy ? [`Signed-By: ${entry.signedBy}`] : []),
  ];
  await writeFile(path.join(folder, "attune.sources"), `${fields.join("\n")}\n`);
  // An empty status file makes apt resolve as if nothing were installed, so the closure does not depend on this machine.
  await writeFile(path.join(folder, "state/status"), "");
  const quote = (value) => `"${value}"`;
  const config = {
    "Dir::Etc::sourcelist": path.join(folder, "attune.sources"),
    "Dir::Etc::sourceparts": path.join(folder, "empty"),
    "Dir::Etc::preferences": path.join(folder, "no-preferences"),
    "Dir::Etc::preferencesparts": path.join(folder, "empty"),
    "Dir::State": path.join(folder, "state"),
    "Dir::State::status": path.join(folder, "state/status"),
    "Dir::State::lists": path.join(folder, "lists"),
    "Dir::Cache": path.join(folder, "cache"),
    "Dir::Cache::archives": path.join(folder, "cache/archives"),
    "Dir::Log": path.join(folder, "state"),
    "Debug::NoLocking": "true",
    "APT::Sandbox::User": "", // root's apt would drop to a user that may not enter the project's folder
    "APT::Update::Error-Mode": "any", // else an unreachable mirror counts as success
    "APT::Install-Recommends": "false",
    "Acquire::Languages": "none",
    "Acquire::Retries": "2",
    "Acquire::http::Timeout": "20",
    "Acquire::https::Timeout": "20",
  };
  const hooks = [
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Pre-Install-Pkgs",
  ];
  const text = [
    // Hooks of the system (icon catalogues, emptying /var/cache) have no business here.
    ...hooks.map((name) => `#clear ${name};`),
    "#clear Acquire::IndexTargets::deb::DEP-11;",
    "#clear Acquire::IndexTargets::deb::DEP-11-icons;",
    "#clear Acquire::IndexTargets::deb::DEP-11-icons-small;",
    "#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;",
    "#clear Acquire::IndexTargets::deb::DEP-11-icons-large;",
    "#clear Acquire::IndexTargets::deb::DEP-11-icons-large-hidpi;",
    "#clear Acquire::IndexTargets::deb::Contents-deb;",
    "#clear APT::Default-Release;",
    ...Object.entries(config).map(([key, value]) => `${key} ${quote(value)};`),
  ];
  const file = path.join(folder, "apt.conf");
  await writeFile(file, `${text.join("\n")}\n`);
  const env = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  delete env.APT_CONFIG;
  return (tool, args, options = {}) => capture(tool, ["-c", file, ...args], { env, ...options });
}

/** What installing `names` on an empty system would fetch: [{ name, version, file, bytes }]. */
export async function closure(apt, names, release) {
  const target = release ? ["-t", release] : [];
  const run = await apt("apt-get", ["install", "-y", "-q", "--print-uris", ...target, ...names]);
  if (run.code !== 0) return { error: errorLine(run.stderr), packages: [] };
  const packages = [];
  for (const line of run.stdout.split("\n")) {
    const match = /^'[^']+'\s+(\S+)\s+(\d+)/.exec(line);
    if (!match) continue;
    const [name, version] = match[1].replace(/\.deb$/, "").split("_");
    packages.push({ name, version: decodeURIComponent(version), file: match[1], bytes: Number(match[2]) });
  }
  return { packages };
}

/** The first thing apt complained about, on one line. */
export function errorLine(stderr) {
  const lines = stderr.split("\n").map((line) => line.trim());
  const line =
    lines.find((text) => text.startsWith("E:")) ?? lines.find((text) => text.startsWith("W:")) ?? lines.find(Boolean) ?? "";
  return line.replace(/^[EW]:\s*/, "");
}
