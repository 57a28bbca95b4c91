// `npm run check:packages`: are the packages, as npm packs them, sound for those who install them? publint reads manifests against
// files; are-the-types-wrong resolves types as every kind of TypeScript project does. They have to be built (`npm run build`).
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { packAll } from "./lib/pack.mjs";

/** Our packages are ESM alone: what CommonJS and the resolution before package exports make of them is no fault. */
const OF_NO_CONCERN = new Set(["node10", "node16-cjs"]);

/** One line a fault: "@attune/eval: ...". */
export async function packageFaults(packed) {
  const faults = [];
  for (const { name, file, files, manifest } of packed.values()) {
    const tarball = new Uint8Array(await readFile(file));
    const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
    for (const message of messages) faults.push(`${name}: publint: ${formatMessage(message, pkg, { color: false })}`);
    // a program has no types to resolve
    if (manifest.exports) for (const fault of await wrongTypes(tarball)) faults.push(`${name}: types: ${fault}`);
    for (const wanted of ["LICENSE", "README.md"]) if (!files.includes(wanted)) faults.push(`${name}: has no ${wanted}`);
    for (const unwanted of files.filter((one) => /\.test\.|tsbuildinfo/.test(one))) faults.push(`${name}: ships ${unwanted}`);
    for (const entry of Object.values(manifest.exports ?? {})) {
      for (const target of Object.values(entry)) {
        if (!files.includes(path.posix.normalize(target))) faults.push(`${name}: exports ${target}, which it does not ship`);
      }
    }
  }
  return faults;
}

/** What a TypeScript project that imports the package would meet, by entry. */
async function wrongTypes(tarball) {
  const { types, problems } = await checkPackage(createPackageFromTarballData(tarball));
  if (!types) return ["there are none"];
  return problems
    .filter(({ resolutionKind }) => !OF_NO_CONCERN.has(resolutionKind))
    .map(({ kind, entrypoint = "", resolutionKind = "" }) => `${kind} ${entrypoint} ${resolutionKind}`.trim());
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const folder = await mkdtemp(path.join(tmpdir(), "attune-packed-"));
  try {
    const packed = await packAll(folder);
    const faults = await packageFaults(packed);
    for (const fault of faults) console.error(fault);
    console.log(`${packed.size} packages, ${faults.length} faults`);
    if (faults.length > 0) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
