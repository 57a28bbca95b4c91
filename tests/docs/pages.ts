// The project's pages as data: their code blocks, their links, and the command lines they name.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Block {
  /** "README.md:40", the line of its fence. */
  where: string;
  /** The first word behind the fence: "ts", "sh", "yaml". */
  language: string;
  /** The words after it: "fragment", "tree". */
  flags: readonly string[];
  text: string;
}

export interface Link {
  where: string;
  target: string;
}

export interface Page {
  /** Relative to the root, with slashes. */
  file: string;
  blocks: readonly Block[];
  links: readonly Link[];
  /** Anchors that its headings have on GitHub. */
  anchors: ReadonlySet<string>;
  /** Code in blocks and in `spans`: what a reader may type. */
  code: readonly { where: string; text: string }[];
}

const SKIPPED = new Set(["node_modules", "dist", "runs", "generated"]);

/** Every page of the project but LICENSE and what tools leave behind. */
export function readPages(folder = ""): Page[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = folder ? `${folder}/${entry.name}` : entry.name;
    if (entry.isDirectory()) return SKIPPED.has(entry.name) || entry.name.startsWith(".") ? [] : readPages(file);
    return entry.name.endsWith(".md") ? [readPage(file, readFileSync(path.join(root, file), "utf8"))] : [];
  });
}

export function readPage(file: string, text: string): Page {
  const blocks: Block[] = [];
  const links: Link[] = [];
  const anchors = new Set<string>();
  const code: { where: string; text: string }[] = [];
  let open: (Omit<Block, "text"> & { lines: string[]; fence: string }) | null = null;
  text.split("\n").forEach((line, index) => {
    const where = `${file}:${index + 1}`;
    const fence = /^ {0,3}(`{3,})\s*(.*)$/.exec(line);
    if (open) {
      if (fence?.[1] === open.fence && fence[2] === "") {
        const { lines, fence: _, ...rest } = open;
        blocks.push({ ...rest, text: `${lines.join("\n")}\n` });
        open = null;
      } else {
        open.lines.push(line);
        if (open.language !== "yaml") code.push({ where, text: line });
      }
      return;
    }
    if (fence) {
      const [language = "", ...flags] = fence[2]!.split(/\s+/);
      open = { where, language, flags, lines: [], fence: fence[1]! };
      return;
    }
    for (const [, span] of line.matchAll(/`([^`]+)`/g)) code.push({ where, text: span! });
    const prose = line.replace(/`[^`]+`/g, (span) => "x".repeat(span.length));
    for (const [, target] of prose.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)) links.push({ where, target: target! });
    const heading = /^#{1,6}\s+(.*)$/.exec(line);
    if (heading) anchors.add(anchorOf(heading[1]!));
  });
  return { file, blocks, links, anchors, code };
}

/** As GitHub makes it: lower case, punctuation gone, spaces to dashes. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

/** The first line that a sample promises (`//> text`) and did not print, in order; null where all are there. */
export function missingLine(sample: string, printed: readonly string[]): string | null {
  let from = 0;
  for (const [, promise] of sample.matchAll(/\/\/> (.*)$/gm)) {
    const line = promise!.trimEnd();
    const at = printed.indexOf(line, from);
    if (at < 0) return line;
    from = at + 1;
  }
  return null;
}

export interface CommandLine {
  where: string;
  command: string;
  /** What its `#>` lines say that it prints, in order. */
  promised: readonly string[];
}

/** Command lines of a page's `sh run` blocks, one a line that begins with npx. */
export function commandLines({ blocks }: Page): CommandLine[] {
  return blocks
    .filter(({ language, flags }) => language === "sh" && flags.includes("run"))
    .flatMap(({ text, where }) =>
      text
        .split(/^(?=npx )/m)
        .filter(Boolean)
        .map((part) => {
          const [command, ...promised] = part.trim().split("\n") as [string, ...string[]];
          return { where, command, promised: promised.map((line) => line.replace("#> ", "")) };
        }),
    );
}

/** The first promised piece that a command did not print, in order; null where all are there. */
export function missingPiece(promised: readonly string[], printed: string): string | null {
  let from = 0;
  for (const piece of promised) {
    const at = printed.indexOf(piece, from);
    if (at < 0) return piece;
    from = at + piece.length;
  }
  return null;
}

/** Entries of a drawn tree, two spaces a level, "name/  remark": paths relative to the root. */
export function treeEntries(text: string): string[] {
  const folders: string[] = [];
  return text.split("\n").flatMap((line) => {
    const [, indent, names] = /^((?: {2})*)(\S+(?: \S+)*?)(?: {2,}.*)?$/.exec(line) ?? [];
    if (names === undefined) return [];
    const depth = indent!.length / 2;
    const parent = folders.slice(0, depth).join("/");
    // several files of one remark stand on one line: "a.ts b.ts  remark"
    return names.split(" ").map((name) => {
      const bare = name.replace(/\/$/, "");
      folders[depth] = bare;
      return parent ? `${parent}/${bare}` : bare;
    });
  });
}
