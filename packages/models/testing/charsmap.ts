// Builds a precompiled character map for tests: the naive way, first base that fits.

/** Base64 of a SentencePiece charsmap blob that maps each key to its text. */
export function buildCharsmap(entries: Readonly<Record<string, string>>): string {
  const encoder = new TextEncoder();
  type Node = { children: Map<number, Node>; value?: number };
  const root: Node = { children: new Map() };
  const texts: number[] = [];
  for (const [key, text] of Object.entries(entries)) {
    let node = root;
    for (const byte of encoder.encode(key)) {
      if (!node.children.has(byte)) node.children.set(byte, { children: new Map() });
      node = node.children.get(byte)!;
    }
    node.value = texts.length;
    texts.push(...encoder.encode(text), 0);
  }
  const units: number[] = [0];
  const bases = new Set<number>();
  const isFree = (at: number) => units[at] === undefined;
  function place(node: Node, at: number, label: number): void {
    const slots = [...node.children.keys(), ...(node.value === undefined ? [] : [0])];
    let base = 1;
    // two nodes of one base would own each other's children, since a unit knows its label only
    while (bases.has(base) || !slots.every((slot) => isFree(base ^ slot))) base++;
    bases.add(base);
    for (const slot of slots) units[base ^ slot] = 0; // reserved before the children search for theirs
    units[at] = (label | (node.value === undefined ? 0 : 0x100) | ((at ^ base) << 10)) >>> 0;
    if (node.value !== undefined) units[base] = (node.value | 0x80000000) >>> 0;
    for (const [byte, child] of node.children) place(child, base ^ byte, byte);
  }
  place(root, 0, 0);
  // labels of empty slots must match no byte: bit 31 is part of the label
  const filled = Array.from(units, (unit) => unit ?? 0x80000000);
  const blob = new Uint8Array(4 + 4 * filled.length + texts.length);
  const view = new DataView(blob.buffer);
  view.setUint32(0, 4 * filled.length, true);
  filled.forEach((unit, i) => void view.setUint32(4 + 4 * i, unit, true));
  blob.set(texts, 4 + 4 * filled.length);
  return btoa(String.fromCharCode(...blob));
}
