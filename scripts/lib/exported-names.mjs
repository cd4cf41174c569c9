// exported-names.mjs [FOLDER]: fails when a name means two things: two files among the sources of the repository
// (FOLDER, or the one that holds this script) declare and export it. A re-export is the same thing, and so are a type
// and a value of one name in one file.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const top = resolve(process.argv[2] ?? fileURLToPath(new URL('../..', import.meta.url)));

/** Paths of what a folder holds; none where there is no such folder. */
const pathsIn = (folder) => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []);

/** All sources: packages/WING/PACKAGE/src and services/SERVICE/src. */
function sourceFiles() {
  const packages = pathsIn(join(top, 'packages')).flatMap(pathsIn);
  return [...packages, ...pathsIn(join(top, 'services'))]
    .map((folder) => join(folder, 'src'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
}

/** The names that a pattern binds: a plain name, or several in braces or brackets. */
const boundNames = (name) =>
  ts.isIdentifier(name)
    ? [name.text]
    : name.elements.filter(ts.isBindingElement).flatMap((element) => boundNames(element.name));

function declaredNames(statement) {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => boundNames(name));
  }
  return statement.name === undefined ? [] : [statement.name.text];
}

const isExported = (statement) =>
  ts.canHaveModifiers(statement) &&
  (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

/** Names of an import: an export of one of them is a re-export. */
function importedNames(statement) {
  const { importClause } = statement;
  const bindings = importClause?.namedBindings;
  const names =
    bindings === undefined ? [] : ts.isNamedImports(bindings) ? [...bindings.elements] : [bindings];
  return [importClause, ...names].flatMap((one) => (one?.name === undefined ? [] : [one.name.text]));
}

/** Names that the file makes and exports: by a declaration, in a list, or as another name for an import. */
function namesOf(file) {
  const { statements } = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const imported = new Set(statements.filter(ts.isImportDeclaration).flatMap(importedNames));
  const listed = statements
    .filter((statement) => ts.isExportDeclaration(statement) && statement.exportClause !== undefined)
    .flatMap(({ exportClause, moduleSpecifier }) => {
      if (ts.isNamespaceExport(exportClause)) return [exportClause.name.text];
      return exportClause.elements
        .filter(({ name, propertyName }) => {
          const own = (propertyName ?? name).text;
          return own !== name.text || (moduleSpecifier === undefined && !imported.has(own));
        })
        .map(({ name }) => name.text);
    });
  return new Set([...statements.filter(isExported).flatMap(declaredNames), ...listed]);
}

/** @type {Map<string, string[]>} */
const filesOf = new Map();
for (const file of sourceFiles().toSorted()) {
  for (const name of namesOf(file)) {
    filesOf.set(name, [...(filesOf.get(name) ?? []), relative(top, file)]);
  }
}

const twice = [...filesOf].filter(([, files]) => files.length > 1).toSorted(([a], [b]) => (a < b ? -1 : 1));
for (const [name, files] of twice) console.error(`${name}: ${files.join(', ')}`);
if (twice.length > 0) {
  console.error(`exported names that mean two things: ${twice.length}; rename one of each`);
  process.exit(1);
}
