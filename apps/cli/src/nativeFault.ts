// Dawn is a binary of its own for each system. What Node says where it is missing or does not load, as a line on what to do.
export interface Host {
  platform: NodeJS.Platform;
  arch: string;
  /** Of glibc, such as "2.31"; null where the C library is another one (musl, on Alpine) or there is none. */
  glibc: string | null;
}

/** The systems that npm's `webgpu` has a binary for. */
const BUILT: Readonly<Record<string, readonly string[]>> = {
  linux: ["x64", "arm64"],
  darwin: ["x64", "arm64"],
  win32: ["x64", "arm64"],
};
const OLDEST_GLIBC = "2.34";

export function hostOf(): Host {
  const { header } = (process.report?.getReport() ?? {}) as { header?: { glibcVersionRuntime?: string } };
  return { platform: process.platform, arch: process.arch, glibc: header?.glibcVersionRuntime ?? null };
}

/** The line for an error thrown while Dawn was loaded; undefined for every other error. */
export function explainNativeFault(error: { code?: unknown; message?: unknown }, host: () => Host = hostOf): string | undefined {
  const message = String(error.message ?? "");
  const isMissing = error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND";
  if (isMissing && /'webgpu'|dawn\.node/.test(message)) {
    const { platform, arch } = host();
    if (!BUILT[platform]?.includes(arch))
      return `there is no Dawn (npm's webgpu) for ${platform} on ${arch}; it is built for ${systems()}`;
    return "the WebGPU binary (npm's webgpu) is not installed; install it again: npm install webgpu, without --ignore-scripts and --omit=peer";
  }
  if (error.code !== "ERR_DLOPEN_FAILED") return undefined;
  const { platform, glibc } = host();
  if (platform === "linux" && glibc === null)
    return "Dawn (npm's webgpu) needs glibc, and this system has another C library (musl, as Alpine has); use a Debian, Ubuntu or Fedora, or an image made from one";
  const wanted = /version `(GLIBC(?:XX)?)_([\d.]+)' not found/.exec(message);
  if (wanted?.[1] === "GLIBC" || (glibc !== null && older(glibc, OLDEST_GLIBC)))
    return `Dawn (npm's webgpu) needs glibc ${wanted?.[2] ?? OLDEST_GLIBC} or newer, and this system has ${glibc ?? "an older one"}; Debian 12, Ubuntu 22.04 and later have it`;
  if (wanted)
    return `Dawn (npm's webgpu) needs a newer libstdc++ (${wanted[1]}_${wanted[2]}); install the one of GCC 13 (libstdc++6), or the version of webgpu that attune names`;
  const library = /(lib[\w.+-]+\.so[\w.]*): cannot open shared object/.exec(message)?.[1];
  if (library) return `Dawn (npm's webgpu) needs the library ${library}, which is not installed`;
  return `Dawn (npm's webgpu) cannot be loaded: ${message.split("\n")[0]}`;
}

const systems = (): string =>
  Object.entries(BUILT)
    .map(([platform, archs]) => `${platform} (${archs.join(", ")})`)
    .join(", ");

function older(version: string, than: string): boolean {
  const [a, b] = [version.split(".").map(Number), than.split(".").map(Number)];
  return (a[0] ?? 0) - (b[0] ?? 0) < 0 || (a[0] === b[0] && (a[1] ?? 0) < (b[1] ?? 0));
}
