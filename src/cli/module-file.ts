import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, isAbsolute, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { usageError } from './usage-error.js'

/** What `-A` says. */
export interface Target {
  readonly module: string
  /** Which export; undefined leaves the choice to what there is. */
  readonly exportName: string | undefined
}

/** Takes `module:export` apart; the colon of `C:\app.ts` and of `file:///app.ts` belongs to the module. */
export function parseTarget(text: string): Target {
  const [, module, exportName] = /^(.{2,}):([\p{L}_$][\p{L}\p{N}_$]*)$/u.exec(text) ?? []
  return module === undefined || exportName === undefined ? { module: text, exportName: undefined } : { module, exportName }
}

/**
 * The file of a module: a path with or without its extension, a folder with an `app` or `index` in it, a dotted name such as
 * `examples.agent`, or a package. Says everything that was tried when there is none.
 */
export function moduleFile(module: string, cwd: string): string {
  const paths = pathsOf(module)
  for (const path of paths) {
    const file = fileAt(resolve(cwd, path))
    if (file !== undefined) return file
  }
  const found = isBare(module) ? packageFile(module, cwd) : 'not a package name'
  if (isAbsolute(found)) return found
  const tried = paths.flatMap(path => [
    path,
    ...(hasExtension(path) ? [] : [`${path}${braces}`, `${path}/{${entries.join(',')}}${braces}`]),
  ])
  const shown = tried.map(path => (isAbsolute(path) ? path : `./${relative('.', path)}`))
  if (isBare(module)) shown.push(`the package "${module}" (${found})`)
  throw usageError(`There is no module "${module}". Tried, from ${cwd}:\n  ${shown.join('\n  ')}`)
}

const extensions = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']
const entries = ['app', 'index']
const braces = `{${extensions.join(',')}}`

function pathsOf(module: string): string[] {
  if (module.startsWith('file:')) return [fileURLToPath(module)]
  const isDotted = /^[\w-]+(\.[\w-]+)+$/.test(module) && !hasExtension(module)
  return isDotted ? [module, module.replaceAll('.', '/')] : [module]
}

function fileAt(path: string): string | undefined {
  const inFolder = entries.map(entry => join(path, entry))
  const candidates = [
    path,
    ...[path, ...inFolder].flatMap(each => extensions.map(extension => each + extension)),
    ...compiledFrom(path),
  ]
  return candidates.find(candidate => statSync(candidate, { throwIfNoEntry: false })?.isFile() === true)
}

/** TypeScript writes `./app.js` for what is `app.ts` on disk. */
function compiledFrom(path: string): string[] {
  return /\.[mc]?js$/.test(path) ? [path.replace(/js$/, 'ts')] : []
}

function hasExtension(path: string): boolean {
  return extensions.includes(extname(path))
}

function isBare(module: string): boolean {
  return /^(@[\w.-]+\/)?[\w-][\w.-]*(\/[\w./-]+)?$/.test(module)
}

/** The file of an installed package, or why there is none. */
function packageFile(name: string, cwd: string): string {
  try {
    const file = createRequire(join(cwd, 'module.js')).resolve(name)
    return isAbsolute(file) ? file : 'a module of Node.js itself'
  } catch (error) {
    const isHidden = (error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED'
    return isHidden ? 'it exports nothing of that name to a command: name the file' : 'not installed'
  }
}
