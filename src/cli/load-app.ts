import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { App } from '../index.js'
import { pickApp } from './app-export.js'
import { inWords } from './report.js'
import type { Globals } from './globals.js'
import { moduleFile, parseTarget } from './module-file.js'
import { failure, usageError } from './usage-error.js'

/** Loads the app that `-A` names. */
export async function loadApp(target: string, given: { cwd: string; globals: Globals }): Promise<App> {
  const { cwd, globals } = given
  const { module, exportName } = parseTarget(target)
  const file = moduleFile(module, cwd)
  return pickApp(await load(file, globals), { file: shorter(relative(cwd, file), file), exportName })
}

/** The path that people would rather read. */
function shorter(relativePath: string, file: string): string {
  return relativePath.startsWith('..') ? file : relativePath
}

async function load(file: string, globals: Globals): Promise<Record<string, unknown>> {
  try {
    if (!/\.[mc]?ts$/.test(file)) return (await import(pathToFileURL(file).href)) as Record<string, unknown>
    return await loadTypeScript(file)
  } catch (error) {
    throw inOwnWords(error, file, globals)
  }
}

/** One module graph: the app's `App` must be the one that this command knows, so nothing is loaded in a namespace of its own. */
async function loadTypeScript(file: string): Promise<Record<string, unknown>> {
  const [esm, cjs] = await Promise.all([import('tsx/esm/api'), import('tsx/cjs/api')])
  const tsconfig = tsconfigAbove(file)
  cjs.register()
  esm.register(tsconfig === undefined ? {} : { tsconfig })
  const require = createRequire(file)
  await shareLibrary(require)
  if (file.endsWith('.cts')) return require(file) as Record<string, unknown>
  return (await import(pathToFileURL(file).href)) as Record<string, unknown>
}

/** The loader would compile the library anew for an app that is CommonJS: it is given the one that is loaded. */
async function shareLibrary(require: NodeJS.Require): Promise<void> {
  const own = fileURLToPath(new URL('../index', import.meta.url))
  const wanted = resolved(require, 'faust-ts')
  if (wanted === undefined || wanted.replace(/\.[jt]s$/, '') !== own) return
  const { Module } = await import('node:module')
  const library = new Module(wanted)
  library.exports = await import('../index.js')
  library.loaded = true
  require.cache[wanted] = library
}

function resolved(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name)
  } catch {
    return undefined
  }
}

function tsconfigAbove(file: string): string | undefined {
  const folder = dirname(file)
  const candidate = join(folder, 'tsconfig.json')
  if (existsSync(candidate)) return candidate
  return folder === dirname(folder) ? undefined : tsconfigAbove(folder)
}

/** An option given on the command line reaches the app through the environment; its constructor is the judge. */
function inOwnWords(error: unknown, file: string, { broker, datadir }: Globals): Error {
  const { code, option } = (error ?? {}) as { code?: unknown; option?: unknown }
  const isGiven = (option === 'broker' && broker !== undefined) || (option === 'datadir' && datadir !== undefined)
  if (code === 'FAUST_OPTION' && isGiven) return usageError(`--${String(option)}: ${(error as Error).message}`)
  return failure(`Cannot load ${file}: ${inWords(error)}`, error)
}
