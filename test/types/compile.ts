// Compiles programs in a project of their own, as a user's compiler would, and reads what it says.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** Source texts by file name. */
export type Sources = Readonly<Record<string, string>>

export interface Problem {
  readonly file: string
  readonly line: number
  /** All lines of the message, indented as the compiler has them. */
  readonly message: string
}

export interface Compiled {
  readonly problems: readonly Problem[]
  /** The declarations of each program by its file name, without the paths of imported types. */
  readonly declarations: Sources
  /** Everything that the compiler has printed. */
  readonly output: string
}

/** What `faust-ts` and its subpaths are to a program. */
export type Library = Readonly<Record<string, string>>

export const ours: Library = {
  'faust-ts': join(root, 'src/index.ts'),
  'faust-ts/testing': join(root, 'src/testing/testing.ts'),
  'faust-ts/embedded': join(root, 'src/embedded/embedded.ts'),
  'faust-ts/kafka': join(root, 'src/kafka/kafka.ts'),
  'faust-ts/transport': join(root, 'src/transport/transport.ts'),
}

const spinePath = join(root, 'test/types/spine.ts')
export const spine: Library = { 'faust-ts': spinePath, 'faust-ts/testing': spinePath }

/** The programs of a folder beside this file. */
export function readPrograms(folder: string): Sources {
  const path = join(root, 'test/types', folder)
  return Object.fromEntries(readdirSync(path).map(name => [name, readFileSync(join(path, name), 'utf8')]))
}

/** Compiles programs against a library, with the compiler options of this project unless said otherwise. */
export function compile(sources: Sources, library: Library, { options = {}, flags = [] }: Settings = {}): Compiled {
  return inProject(sources, folder => {
    const paths = Object.fromEntries(Object.entries(library).map(([name, path]) => [name, [path]]))
    const emitted = join(folder, 'declarations')
    const compilerOptions = {
      ...ownOptions,
      declaration: true,
      emitDeclarationOnly: true,
      outDir: emitted,
      rootDir: '/',
      paths,
      ...options,
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(sources) }))
    const output = runCompiler(['-p', folder, '--pretty', 'false', '--noErrorTruncation', ...flags])
    const files = readdirSync(emitted, { recursive: true, encoding: 'utf8' })
    const declarationOf = (name: string): string => name.replace(/\.ts$/, '.d.ts')
    const textOf = (name: string): string => {
      const found = files.find(path => basename(path) === declarationOf(name) && path.includes(basename(folder)))
      return found === undefined ? '' : withoutPaths(readFileSync(join(emitted, found), 'utf8'))
    }
    return {
      output,
      problems: problemsIn(output),
      declarations: Object.fromEntries(Object.keys(sources).map(name => [name, textOf(name)])),
    }
  })
}

interface Settings {
  readonly options?: object
  readonly flags?: readonly string[]
}

/** The compiler options of this project, which are the strictest that there are. */
const ownOptions = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  types: ['node'],
  module: 'nodenext',
  customConditions: ['faust-ts:source'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
}

function inProject<Result>(sources: Sources, work: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'faust-ts-types-'))
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, name), text)
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Runs TypeScript 7 and answers what it has printed. */
export function runCompiler(args: readonly string[]): string {
  const { stdout, stderr, error } = spawnSync(join(root, 'node_modules/.bin/tsc'), args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (error !== undefined) throw error
  return stdout + stderr
}

function problemsIn(output: string): Problem[] {
  const problems: { file: string; line: number; message: string }[] = []
  for (const line of output.split('\n')) {
    const [, file, at, message] = /^(.+?)\((\d+),\d+\): error (.*)$/.exec(line) ?? []
    if (file !== undefined) problems.push({ file: basename(file), line: Number(at), message: message ?? '' })
    else if (line.startsWith('error ')) problems.push({ file: '', line: 0, message: line })
    else if (line.startsWith(' ') && problems.length > 0) problems[problems.length - 1]!.message += `\n${line}`
  }
  return problems
}

function withoutPaths(declarations: string): string {
  return declarations.replace(/import\("[^"]+"\)\./g, '').replace(/\s+/g, ' ')
}
