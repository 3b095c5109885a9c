import type { App } from '../index.js'
import { didYouMean } from './did-you-mean.js'
import { usageError } from './usage-error.js'

/** The app among a module's exports: the one named; else `app`; else the only one. */
export function pickApp(module: Record<string, unknown>, from: { file: string; exportName: string | undefined }): App {
  const exports = exportsOf(module)
  const { file, exportName } = from
  if (exportName !== undefined) return named(exports, { file, exportName })
  const app = exports['app']
  if (isApp(app)) return app
  const apps = Object.entries(exports).filter((entry): entry is [string, App] => isApp(entry[1]))
  const [only] = apps
  if (only === undefined) throw usageError(`${file} exports no App. ${inventory(exports)}${foreign(exports)}`)
  if (apps.every(([, other]) => other === only[1])) return only[1]
  const names = apps.map(([name]) => name)
  throw usageError(`${file} exports several apps: ${names.join(', ')}. Say which: -A ${file}:${names[0]}`)
}

/** What the command line needs of an app. Whoever has it is one, whichever copy of the library it was made by. */
function isApp(value: unknown): value is App {
  const methods = ['start', 'connect', 'describe', 'override', 'remote'] as const
  return looksLikeApp(value) && methods.every(method => typeof (value as Partial<App>)[method] === 'function')
}

const shownExports = 10

/** A CommonJS module's exports are the properties of its default. */
function exportsOf(module: Record<string, unknown>): Record<string, unknown> {
  const inner = module['default']
  const isPlain = typeof inner === 'object' && inner !== null && !looksLikeApp(inner)
  if (!isPlain) return module
  return '__esModule' in inner ? { ...module, ...inner } : { ...inner, ...module }
}

function named(exports: Record<string, unknown>, { file, exportName }: { file: string; exportName: string }): App {
  const value = exports[exportName]
  if (isApp(value)) return value
  const others = Object.keys(exports).filter(name => name !== exportName)
  if (value === undefined)
    throw usageError(`${file} has no export "${exportName}".${didYouMean(exportName, others)} ${inventory(exports)}`)
  throw usageError(`The export "${exportName}" of ${file} is no App (${kindOf(value)}).${foreign({ value })}`)
}

function inventory(exports: Record<string, unknown>): string {
  const found = Object.entries(exports).map(([name, value]) => `${name} (${kindOf(value)})`)
  const more = found.length > shownExports ? ` and ${found.length - shownExports} more` : ''
  return found.length === 0 ? 'It exports nothing.' : `It exports ${found.slice(0, shownExports).join(', ')}${more}.`
}

function foreign(exports: Record<string, unknown>): string {
  const isThere = Object.values(exports).some(value => looksLikeApp(value) && !isApp(value))
  return isThere ? ' An App there was made by another version of faust-ts: run that one, with npx faust in its package.' : ''
}

function looksLikeApp(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('id' in value)) return false
  return typeof value.id === 'string' && 'agent' in value && 'topic' in value
}

function kindOf(value: unknown): string {
  if (isApp(value)) return 'App'
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.getPrototypeOf(value) === Object.prototype ? 'object' : (value.constructor?.name ?? 'object')
}
