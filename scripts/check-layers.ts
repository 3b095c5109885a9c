// Who may import whom: the layer table, no cycles, no barrels. The table itself is in layers.ts.
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { forbidden, forbiddenToTest, placeOf } from './layers.js'
import { isTest, lineOf, parse, readTree, report, root, walk, type SourceTree } from './source-tree.js'

/** The package's own names (`faust-ts`, `faust-ts/testing`) to the source files behind them. */
export type Entries = ReadonlyMap<string, string>

interface Import {
  readonly to: string
  readonly line: number
}

/** Every breach of the layer table in `tree`, in words that name the rule and its reason. */
export function checkLayers(tree: SourceTree, entries: Entries): string[] {
  const problems: string[] = []
  const graph = new Map<string, string[]>()
  for (const [path, text] of tree) {
    const file = parse(path, text)
    const imports = importsOf(file, path, entries)
    if (path.startsWith('examples/')) {
      problems.push(...checkExample(path, imports))
      continue
    }
    graph.set(path, isTest(path) ? [] : imports.map(({ to }) => to))
    problems.push(...checkPlace(path, entries), ...imports.flatMap(found => checkImport(path, found)))
    if (!isTest(path)) problems.push(...checkReExports(file, path, entries))
  }
  return [...problems, ...cycles(graph)]
}

function checkPlace(path: string, entries: Entries): string[] {
  const isEntry = [...entries.values()].includes(path)
  if (posix.basename(path) === 'index.ts' && !isEntry) {
    return [`${path}: no index.ts inside folders. Import the file that has the thing, so that a path says what is used.`]
  }
  if (placeOf(path) || isTest(path)) return []
  return [
    `${path}: its folder is not in the layer table. Put it where it belongs, or decide on a layer and add it to scripts/layers.ts.`,
  ]
}

function checkImport(path: string, { to, line }: Import): string[] {
  const at = `${path}:${line} imports ${to}`
  if (!to.startsWith('src/')) return [`${at}: src stands alone. What is outside it is not part of the package.`]
  if (isTest(to)) return [`${at}: nobody imports a test file. Move what is shared into a file of its own.`]
  const from = placeOf(path)
  const target = placeOf(to)
  if (!from || !target) return []
  const why = isTest(path) ? forbiddenToTest(from, target) : forbidden(from, target, to)
  return why === undefined ? [] : [`${at}: ${why}`]
}

function checkExample(path: string, imports: readonly Import[]): string[] {
  const folder = path.split('/', 2).join('/')
  return imports
    .filter(({ to }) => !to.startsWith(`${folder}/`))
    .map(
      ({ to, line }) => `${path}:${line} imports ${to}: an example imports what a reader can, 'faust-ts' and its entry points.`,
    )
}

/** Static, dynamic and type imports and re-exports of our own files. Of an example only the relative ones count. */
function importsOf(file: ts.SourceFile, path: string, entries: Entries): Import[] {
  const found: Import[] = []
  const add = (specifier: ts.Node | undefined): void => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return
    const to = resolve(path, specifier.text, entries)
    if (to !== undefined) found.push({ to, line: lineOf(specifier, file) })
  }
  walk(file, node => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0])
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal)
  })
  return found
}

function resolve(path: string, specifier: string, entries: Entries): string | undefined {
  if (!specifier.startsWith('.')) return path.startsWith('examples/') ? undefined : entries.get(specifier)
  return posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts')
}

function checkReExports(file: ts.SourceFile, path: string, entries: Entries): string[] {
  const mayReExport = [...entries.values()].includes(path)
  const imported = new Set<string>()
  const problems: string[] = []
  walk(file, node => {
    if (ts.isImportSpecifier(node) || ts.isNamespaceImport(node)) imported.add(node.name.text)
  })
  for (const node of file.statements) {
    if (!ts.isExportDeclaration(node)) continue
    const names = node.exportClause && ts.isNamedExports(node.exportClause) ? node.exportClause.elements : undefined
    const at = `${path}:${lineOf(node, file)}`
    const again = node.moduleSpecifier !== undefined || names?.some(name => imported.has((name.propertyName ?? name.name).text))
    if (again && !mayReExport) {
      problems.push(
        `${at} re-exports: only src/index.ts and the entry files of subpaths do. One name, one home: import it from there.`,
      )
    } else if (node.moduleSpecifier && !names) {
      problems.push(`${at} re-exports with *: list the names by hand, so that the public surface is what somebody decided.`)
    }
  }
  return problems
}

/** One message per knot of files that import each other, with the shortest way round. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const problems: string[] = []
  const known = new Set<string>()
  for (const start of [...graph.keys()].sort()) {
    const way = known.has(start) ? undefined : wayBack(graph, start)
    if (!way) continue
    for (const path of way) known.add(path)
    problems.push(`${way.join(' → ')}: an import cycle (types count). Move what both need into a file below both.`)
  }
  return problems
}

function wayBack(graph: ReadonlyMap<string, readonly string[]>, start: string): string[] | undefined {
  const from = new Map<string, string>()
  const queue = [start]
  for (const path of queue) {
    for (const next of graph.get(path) ?? []) {
      if (next === start) return trace(from, path, start)
      if (from.has(next)) continue
      from.set(next, path)
      queue.push(next)
    }
  }
  return undefined
}

function trace(from: ReadonlyMap<string, string>, last: string, start: string): string[] {
  const way = [start]
  for (let path: string | undefined = last; path !== undefined && path !== start; path = from.get(path)) way.unshift(path)
  return [start, ...way]
}

/** The source files behind the package's own names, from the `exports` of package.json. */
export function readEntries(packageJson: string): Entries {
  const { name, exports } = JSON.parse(packageJson) as { name: string; exports: Record<string, Record<string, string> | string> }
  const entries = new Map<string, string>()
  for (const [subpath, target] of Object.entries(exports)) {
    const source = typeof target === 'string' ? undefined : target['faust-ts:source']
    if (source !== undefined) entries.set(posix.join(name, subpath), posix.normalize(source))
  }
  return entries
}

if (fileURLToPath(import.meta.url) === process.argv[1]) {
  const entries = readEntries(readFileSync(join(root, 'package.json'), 'utf8'))
  report('layers', checkLayers(readTree('src', 'examples'), entries))
}
