// A comparison as one HTML page that needs nothing else.
import type { Comparison } from "../recipes/compare.js";
import { pageHtml } from "./page.js";

export function comparisonPage(comparison: Comparison): string {
  return pageHtml({
    title: `attune compare: ${comparison.systems.map(({ name }) => name).join(", ")}`,
    data: comparison,
    script: "comparePage.js",
    withoutScript: "This page is drawn by a script of its own; the same numbers come from attune compare --markdown.",
  });
}
