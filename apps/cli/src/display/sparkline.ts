const BARS = "▁▂▃▄▅▆▇█";

/** The last values as bars between their least and their most; what is no number leaves a gap. */
export function sparkline(values: readonly number[], width = 16): string {
  const shown = values.slice(-width);
  const finite = shown.filter(Number.isFinite);
  const low = Math.min(...finite);
  const range = Math.max(...finite) - low || 1;
  return shown
    .map((value) => (Number.isFinite(value) ? BARS[Math.min(7, Math.floor(((value - low) / range) * 8))] : " "))
    .join("");
}

/** A share of 0 to 1 as a line: what is done is heavy, what is left is light. */
export function bar(share: number, width: number): string {
  const done = Math.round(Math.min(1, Math.max(0, share || 0)) * width);
  return "━".repeat(done) + "─".repeat(width - done);
}
