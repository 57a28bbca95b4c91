// The parts of set-up that can be tested without a network: what apt's sources say, what is fresh, what npm installed.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { distributionEntry, errorLine, parseDeb822, parseOneLine, releaseCodename } from "../../scripts/lib/apt.mjs";
import { hashOf, isInstalled } from "../../scripts/lib/fresh.mjs";

const folder = mkdtempSync(path.join(tmpdir(), "attune setup-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const put = (name: string, text: string) => {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
};

describe("apt's sources", () => {
  test("one line each, with options, comments and disabled ones", () => {
    const text = `
# deb http://old.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib # ours
deb [arch=amd64 signed-by=/keys/a.gpg] https://mirror.example/debian bookworm-updates main
deb-src http://mirror.example/debian bookworm main`;
    expect(parseOneLine(text)).toEqual([
      { uris: ["http://mirror.example/debian"], suites: ["bookworm"], components: ["main", "contrib"], signedBy: undefined },
      { uris: ["https://mirror.example/debian"], suites: ["bookworm-updates"], components: ["main"], signedBy: "/keys/a.gpg" },
    ]);
  });

  test("in stanzas, with a key written out", () => {
    const text = `Types: deb deb-src
# a comment
URIs: http://mirror.example/ubuntu
Suites: noble noble-updates
Components: main universe
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://mirror.example/ubuntu
Suites: noble-security
Components: main
`;
    const [entry, ...others] = parseDeb822(text);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ suites: ["noble", "noble-updates"], components: ["main", "universe"] });
    expect(entry?.signedBy).toBe("\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----");
  });

  test("the distribution is told from others that use its code name", () => {
    const other = { uris: ["https://vendor.example/apt"], suites: ["bookworm"], components: ["main"] };
    const own = { uris: ["http://mirror.example/debian"], suites: ["bookworm", "bookworm-updates"], components: ["main"] };
    const cd = { uris: ["cdrom:[Debian]/"], suites: ["bookworm"], components: ["main"] };
    expect(distributionEntry([cd, other, own], "bookworm")).toBe(own);
    expect(distributionEntry([other, own], "trixie")).toBeUndefined();
  });

  test("a derivative names the release that it rests on", async () => {
    const mint = put("os-release", 'ID=linuxmint\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble\nNAME="Linux Mint"\n');
    expect(await releaseCodename(mint)).toBe("noble");
    expect(await releaseCodename(put("os-release-2", 'VERSION_CODENAME="bookworm"\n'))).toBe("bookworm");
    expect(await releaseCodename(path.join(folder, "none"))).toBe("");
  });

  test("its errors become one line", () => {
    expect(errorLine("W: a warning\nE: Failed to fetch x\nE: more")).toBe("Failed to fetch x");
    expect(errorLine("")).toBe("");
  });
});

test("a hash changes when a file comes, is written, or goes, and not otherwise", async () => {
  const file = put("a.txt", "one");
  const take = () => hashOf(folder, ["a.txt", "b.txt"]);
  const first = await take();
  expect(await take()).toBe(first);
  utimesSync(file, 1, 1);
  const second = await take();
  expect(second).not.toBe(first);
  put("b.txt", "");
  expect(await take()).not.toBe(second);
  rmSync(path.join(folder, "b.txt"));
  expect(await take()).toBe(second);
});

test("installed is what npm says it installed, in the versions that the lock file asks for", async () => {
  const lock = (packages: object) => JSON.stringify({ packages });
  const wanted = {
    "": { name: "attune" },
    "packages/a": { name: "@attune/a" },
    "node_modules/@attune/a": { link: true },
    "node_modules/yaml": { version: "2.0.0" },
    "node_modules/turbo-windows": { version: "1.0.0", optional: true },
  };
  const present = { "packages/a": {}, "node_modules/@attune/a": { link: true }, "node_modules/yaml": { version: "2.0.0" } };
  put("package-lock.json", lock(wanted));
  expect(await isInstalled(folder)).toBe(false);
  put("node_modules/.package-lock.json", lock(present));
  expect(await isInstalled(folder)).toBe(true);
  put("node_modules/.package-lock.json", lock({ ...present, "node_modules/yaml": { version: "1.0.0" } }));
  expect(await isInstalled(folder)).toBe(false);
});
