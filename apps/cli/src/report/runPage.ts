// A run as one HTML page that needs nothing else.
import { pageHtml } from "./page.js";
import type { RunReport } from "./runReport.js";

/** @param isServed the page asks for the run's numbers again while it goes on */
export function runPage(report: RunReport, isServed = false): string {
  return pageHtml({
    title: `attune report: ${report.name}`,
    data: { ...report, isServed },
    script: "runPage.js",
    withoutScript: "This page is drawn by a script of its own; the same numbers are in metrics.jsonl beside it.",
    isServed,
  });
}
