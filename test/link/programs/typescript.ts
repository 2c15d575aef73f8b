/** The TypeScript compiler: type-checks and transpiles a file from memory. */
import ts from "typescript";

const source = "export const pods: number = 'three';\nexport enum Phase { Pending, Running }\n";
const host: ts.CompilerHost = {
  getSourceFile: (name, version) => (name === "a.ts" ? ts.createSourceFile(name, source, version) : undefined),
  writeFile: (name, text) => console.log(name, JSON.stringify(text)),
  getDefaultLibFileName: () => "lib.d.ts",
  getCurrentDirectory: () => "/",
  getCanonicalFileName: (name) => name,
  useCaseSensitiveFileNames: () => true,
  getNewLine: () => "\n",
  fileExists: (name) => name === "a.ts",
  readFile: () => undefined,
};
const program = ts.createProgram(["a.ts"], { noLib: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext }, host);
program.emit();
for (const { code, messageText } of program.getSemanticDiagnostics()) console.log(code, ts.flattenDiagnosticMessageText(messageText, "\n"));
