// What a data file is, from its name and its first bytes. The content counts where it is certain: names lie more often than magic numbers.

export const FILE_KINDS = ["jsonl", "json", "csv", "tsv", "text", "parquet"] as const;
export type FileKind = (typeof FILE_KINDS)[number];

const EXTENSIONS: Readonly<Record<string, FileKind>> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  txt: "text",
  text: "text",
  md: "text",
  parquet: "parquet",
  pq: "parquet",
};

/** The part of a file that fileKind looks at. */
export const HEAD_BYTES = 1 << 16;

/**
 * @param head the file's first HEAD_BYTES, or all of it; unpacked, where the name ends in .gz
 * @returns the kind; "text" for what nothing else fits
 */
export function fileKind(name: string, head: Uint8Array): FileKind {
  const extension = /\.([A-Za-z0-9]+)$/.exec(name.replace(/\.gz$/i, ""))?.[1]?.toLowerCase() ?? "";
  const named = EXTENSIONS[extension];
  const text = new TextDecoder().decode(head.subarray(0, HEAD_BYTES)).replace(/^\ufeff/, "");
  if (text.startsWith("PAR1")) return "parquet";
  if (named !== undefined && named !== "json") return named;
  const first = text.trimStart()[0];
  if (named === undefined && first !== "{" && first !== "[") return "text";
  if (first !== "{") return "json";
  // one object a line, or one object that holds all: its first line tells, where it is whole
  const line = text.trimStart().split("\n", 1)[0]!;
  const isWhole = text.trimStart().length > line.length;
  return isWhole && isPlainRow(line) ? "jsonl" : "json";
}

function isPlainRow(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray((value as { data?: unknown }).data);
  } catch {
    return false;
  }
}
