import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** Path from the root of the repository, with forward slashes, to the text of the file. */
export type SourceTree = ReadonlyMap<string, string>

export const root: string = fileURLToPath(new URL('..', import.meta.url))

/** The TypeScript files below the named folders of the repository. */
export function readTree(...folders: string[]): SourceTree {
  const tree = new Map<string, string>()
  for (const folder of folders.filter(name => existsSync(join(root, name)))) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      const path = `${folder}/${entry.replaceAll('\\', '/')}`
      if (path.endsWith('.ts') && !path.includes('/node_modules/')) tree.set(path, readFileSync(join(root, path), 'utf8'))
    }
  }
  return tree
}

export function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS)
}

export function lineOf(node: ts.Node, file: ts.SourceFile): number {
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
}

/** Calls `visit` for every node below `node`, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  ts.forEachChild(node, child => {
    visit(child)
    walk(child, visit)
  })
}

export const isTest = (path: string): boolean => /\.(test|test-d)\.ts$/.test(path)

/** Prints the problems and sets the exit code. */
export function report(name: string, problems: readonly string[]): void {
  for (const problem of problems) console.error(problem)
  console.log(problems.length === 0 ? `${name}: ok` : `${name}: ${problems.length} problem(s)`)
  if (problems.length > 0) process.exitCode = 1
}
