// A profile as text.
import { showBytes } from "../errors.js";
import type { Profile, ProfileRow } from "./profile.js";

export interface ProfileTextOptions {
  /** Rows of the table by kernel and sizes. */
  sizes?: number;
}

export function profileText(profile: Profile, { sizes = 15 }: ProfileTextOptions = {}): string {
  const { label, adapter, timing, steps, peaks, step, calls, deviceMs, memory } = profile;
  const share = (ms: number): string => `${fixed(ms, 1)} ms (${percent(ms / step.ms)})`;
  const categories = Object.entries(memory.atPeak).filter(([, bytes]) => bytes > 0);
  return [
    `${label} on ${adapter}: ${steps} steps, ${calls} calls a step, timed by ${timing}`,
    ...(timing === "wall time"
      ? ["This device has no timestamp-query: a call's time is from its predecessor's end to its own, waits included."]
      : []),
    `peaks measured here: matmul ${fixed(peaks.matmulGflops, 1)} GFLOP/s (${peaks.matmul.sizes.join(" x ")}), copy ${fixed(peaks.copyGBs, 1)} GB/s (${showBytes(peaks.copyBytes)})`,
    `a step: ${fixed(step.ms, 1)} ms, of it JavaScript until the first wait ${share(step.hostMs)}, waiting ${share(step.waitMs)}; kernels one by one ${share(deviceMs)}`,
    "",
    rowsText("kernel", profile.kernels),
    "",
    rowsText("group", profile.groups),
    "",
    ...(sizes > 0 ? [rowsText("kernel and sizes", profile.sizes.slice(0, sizes)), ""] : []),
    `device memory at its peak: ${showBytes(memory.peakBytes)}`,
    ...categories.sort(([, a], [, b]) => b - a).map(([category, bytes]) => `  ${category.padEnd(12)} ${showBytes(bytes)}`),
    "",
  ].join("\n");
}

function rowsText(title: string, rows: readonly ProfileRow[]): string {
  const cells = rows.map((row) => [
    row.name,
    fixed(row.calls, Number.isInteger(row.calls) ? 0 : 1),
    fixed(row.ms, 2),
    percent(row.share),
    fixed(row.gbPerS, 1),
    fixed(row.gflops, 1),
    percent(row.ofCopy),
    percent(row.ofMatmul),
    `${row.bound} ${percent(row.ofBound)}`,
  ]);
  const titles = [title, "calls", "ms", "share", "GB/s", "GFLOP/s", "of copy", "of matmul", "bound by"];
  return textTable(titles, cells);
}

/** Columns two spaces apart below a rule: the first to the left, the others to the right. */
export function textTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd();
  return [line(titles), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}

function fixed(value: number, digits: number): string {
  return value.toFixed(digits);
}

function percent(share: number): string {
  return `${fixed(100 * share, share < 0.0995 ? 1 : 0)} %`;
}
