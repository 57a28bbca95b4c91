// What a file of separated values looks like, from its first bytes: its separator, whether it quotes, whether it begins with names.

export interface Dialect {
  delimiter: string;
  /** Whether fields may stand in double quotes. */
  hasQuotes: boolean;
  /** Whether the first record names the columns. */
  hasHeader: boolean;
}

/**
 * CSV quotes and has a header (RFC 4180); its separator is the likeliest of comma, semicolon, tab and bar. Tab-separated values do not quote
 * (IANA text/tab-separated-values), unless every field of the head that begins with a quote also ends with one, and have a header
 * where the first record looks like names.
 */
export function guessDialect(kind: "csv" | "tsv", head: string): Dialect {
  const first = head.replace(/^\ufeff/, "").split("\n", 1)[0]!;
  if (kind === "csv") {
    const count = (one: string) => first.replace(/"[^"]*"/g, "").split(one).length;
    const delimiter = [",", ";", "\t", "|"].reduce((best, one) => (count(one) > count(best) ? one : best));
    return { delimiter, hasQuotes: true, hasHeader: true };
  }
  const names = first.replace(/\r$/, "").split("\t");
  const hasHeader = names.every((name) => /^"?[\p{L}_][\p{L}\p{N} _.:#()-]{0,63}"?$/u.test(name)) && !first.includes("\\n");
  return { delimiter: "\t", hasQuotes: quotesWell(head), hasHeader };
}

function quotesWell(head: string): boolean {
  let seen = false;
  let isFieldStart = true;
  for (let i = 0; i < head.length; i++) {
    const character = head[i]!;
    if (character !== '"' || !isFieldStart) {
      isFieldStart = character === "\t" || character === "\n";
      continue;
    }
    let end = i + 1;
    while (end < head.length && (head[end] !== '"' || head[end + 1] === '"')) end += head[end] === '"' ? 2 : 1;
    if (end >= head.length) break; // it may close after the head
    if (!/[\t\r\n]/.test(head[end + 1] ?? "\n")) return false;
    seen = true;
    isFieldStart = false;
    i = end;
  }
  return seen;
}
