import { inspect } from 'node:util'

/** The first place where two values differ, in words, or null; a property that is undefined counts as absent. */
export function drift(sent: unknown, received: unknown, path = ''): string | null {
  if (sent === received || (Number.isNaN(sent) && Number.isNaN(received))) return null
  if (!isObject(sent) || !isObject(received) || kindOf(sent) !== kindOf(received)) return difference(sent, received, path)
  if (sent instanceof Date || sent instanceof Uint8Array || hasJsonForm(sent)) {
    return imageOf(sent) === imageOf(received) ? null : difference(sent, received, path)
  }
  if (sent instanceof Map || sent instanceof Set) return inside([...sent], [...(received as typeof sent)], path)
  return inside(sent, received, path)
}

function inside(sent: object, received: object, path: string): string | null {
  const left = sent as Record<string, unknown>
  const right = received as Record<string, unknown>
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const found = drift(left[name], right[name], step(path, name, Array.isArray(sent)))
    if (found !== null) return found
  }
  return null
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Classes of one's own count as plain objects, except those that write themselves. */
function kindOf(value: object): unknown {
  if (hasJsonForm(value)) return value.constructor
  for (const kind of [Array, Map, Set, Date, Uint8Array]) if (value instanceof kind) return kind
  return Object
}

function hasJsonForm(value: object): boolean {
  return 'toJSON' in value && !(value instanceof Uint8Array) && !(value instanceof Date)
}

function imageOf(value: object): string | undefined {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : JSON.stringify(value)
}

function difference(sent: unknown, received: unknown, path: string): string {
  return `${path === '' ? 'what' : `what "${path}"`} was sent as ${shown(sent)} reads back as ${shown(received)}`
}

function shown(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 80 })
  return value instanceof Date ? `Date ${text}` : text
}

function step(path: string, name: string, inArray: boolean): string {
  if (inArray) return `${path}[${name}]`
  return path === '' ? name : `${path}.${name}`
}
