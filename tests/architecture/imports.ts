// Reads what a source file imports, and which names of Node it uses as globals.
import ts from "typescript";

export interface Import {
  specifier: string;
  /** `import type` and `export type` leave no trace in JavaScript. `import { type A }` does: the file is still loaded. */
  isTypeOnly: boolean;
}

export interface Source {
  /** From the project's root, with forward slashes: "packages/tensor/src/tensor.ts". */
  path: string;
  imports: Import[];
  nodeGlobals: string[];
}

const NODE_GLOBALS = new Set(["process", "Buffer", "require", "__dirname", "__filename", "setImmediate"]);

export function readSource(path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const nodeGlobals = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      imports.push({
        specifier: node.moduleSpecifier.text,
        isTypeOnly: node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword,
      });
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      imports.push({ specifier: node.moduleSpecifier.text, isTypeOnly: node.isTypeOnly });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [first] = node.arguments;
      if (first && ts.isStringLiteralLike(first)) imports.push({ specifier: first.text, isTypeOnly: false });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      imports.push({ specifier: node.argument.literal.text, isTypeOnly: true });
    } else if (ts.isIdentifier(node) && NODE_GLOBALS.has(node.text) && isFreeValue(node)) nodeGlobals.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { path, imports, nodeGlobals: [...nodeGlobals] };
}

/** A use of the global, not a member, a key, a parameter or a declaration that happens to have its name. */
function isFreeValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isElementAccessExpression(parent) || ts.isCallExpression(parent) || ts.isNewExpression(parent))
    return parent.expression === node;
  return false;
}
