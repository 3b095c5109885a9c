// The layer table of ARCHITECTURE.md, section 2, as data.

type Kind = 'layer' | 'driver' | 'consumer'
export interface Place {
  /** The folder below src, or the file when it stands directly in src. */
  readonly name: string
  readonly kind: Kind
  /** 0 is the lowest; drivers stand on 2, consumers and index.ts above all. */
  readonly level: number
}

const layers: readonly (readonly string[])[] = [
  ['lib', 'errors.ts'],
  ['message'],
  ['transport', 'store'],
  ['stream'],
  ['channel'],
  ['table'],
  ['agent'],
  ['worker'],
  ['app'],
]
const drivers = ['embedded', 'kafka', 'leveldb']
const consumers = ['monitor', 'web', 'cli', 'testing']
const openToConsumers = [
  'src/index.ts',
  'src/transport/transport.ts',
  'src/store/store.ts',
  'src/lib/clock.ts',
  'src/lib/trace.ts',
]
const top = layers.length - 1

const places: ReadonlyMap<string, Place> = new Map(
  [
    ...layers.flatMap((names, level) => names.map(name => ({ name, kind: 'layer' as const, level }))),
    { name: 'index.ts', kind: 'layer' as const, level: top + 1 },
    ...drivers.map(name => ({ name, kind: 'driver' as const, level: 3 })),
    ...consumers.map(name => ({ name, kind: 'consumer' as const, level: top + 2 })),
  ].map(place => [place.name, place]),
)

/** Where a path like `src/agent/actor.ts` belongs, or undefined when the table does not name its folder. A test belongs where its file does. */
export function placeOf(path: string): Place | undefined {
  const name = path.split('/')[1] ?? ''
  return places.get(name.replace(/\.(test|test-d)\.ts$/, '.ts'))
}

/** Why a production file at `from` must not import the file `path` at `to`; undefined when it may. */
export function forbidden(from: Place, to: Place, path: string): string | undefined {
  if (from.name === to.name || (from.level === 0 && to.level === 0)) return undefined
  if (from.kind === 'consumer') return forbiddenToConsumer(from, to, path)
  if (from.kind === 'driver') {
    if (to.kind === 'layer' && to.level <= 2) return undefined
    return `a driver may import layers 0 to 2 and its own folder only. It implements a contract; what it knew beyond that, another driver would have to know too.`
  }
  if (to.kind === 'consumer') {
    return `${to.name}/ consumes the product, which does not know its consumers. What both need belongs below or into the public surface.`
  }
  if (to.kind === 'driver') {
    if (from.name === 'app') return undefined
    return `a driver is reached through its contract (transport/transport.ts, store/store.ts); only app/ picks one, by URL.`
  }
  return to.level < from.level ? undefined : forbiddenUpwards(from, to)
}

function forbiddenToConsumer(from: Place, to: Place, path: string): string | undefined {
  const isTesting = from.name === 'testing'
  if (openToConsumers.includes(path) || (isTesting && (to.name === 'embedded' || to.name === 'lib'))) return undefined
  return `${from.name}/ may import index.ts, the contracts, lib/clock.ts, lib/trace.ts${isTesting ? ', lib/, embedded/' : ''} and its own folder only. What a dashboard or a command line needs is public, so that anyone can write another one.`
}

function forbiddenUpwards(from: Place, to: Place): string {
  if (to.name === 'index.ts') return 'index.ts is the public surface: import the file that has the thing.'
  const below = from.level === 0 ? 'nothing of ours' : from.level === 1 ? 'layer 0' : `layers 0 to ${from.level - 1}`
  const hint =
    from.name === 'stream' && to.name === 'channel' ? ' (A topic hands its streams a repartition function for exactly this.)' : ''
  return `layer ${from.level} may import ${below} besides its own folder, and ${to.name} is layer ${to.level}. A stage knows no stage above or beside it: take what you need as an argument.${hint}`
}

/** Why a test file at `from` must not import from `to`: a test stands on its own layer, on what is below, and on testing/. */
export function forbiddenToTest(from: Place, to: Place): string | undefined {
  if (from.name === to.name || to.name === 'testing' || from.kind === 'consumer') return undefined
  if (from.kind === 'layer' && to.kind === 'layer' && to.level <= from.level) return undefined
  if (from.kind === 'driver' && to.kind === 'layer' && to.level <= 2) return undefined
  if (from.name === 'app' && to.kind === 'driver') return undefined
  return `a test stands on its own layer, what lies below it, and testing/. A test of several layers belongs into test/.`
}
