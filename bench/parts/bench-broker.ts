// The broker that a variant runs on: `memory` unless `--broker` says otherwise.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { App } from 'faust-ts'
import type { Trial } from './measure.js'

/** A broker that has nothing of what a variant is going to name. */
export interface BenchBroker {
  readonly url: string
  /** In the name of every topic and app: on a broker that is shared, each variant has its own. */
  readonly suffix: string
  name(of: string): string
  /** Takes its files away, or the topics. */
  remove(): Promise<void>
}

const { values: options } = parseArgs({ options: { broker: { type: 'string' } }, strict: false })

/** Also that of the processes which this one starts. */
export const brokerKind: string = String(options.broker ?? process.env['BENCH_BROKER'] ?? 'memory')
process.env['BENCH_BROKER'] = brokerKind

/** `kafka` is a node for this run, `kafka://host:port` a cluster that is there already. */
export const isKafka: boolean = /^kafka(:|$)/.test(brokerKind)

/** With which event `stateless` begins to be measured: on Kafka in the middle, since peers tell no more than their second half. */
export const measuredFrom = (events: number): number => (isKafka ? Math.floor(events / 2) : 0)

/** Counts what a variant has worked on, and begins to measure with the event where that begins. */
export function progress(events: number, trial: Pick<Trial, 'start'>): (count: number) => number {
  const from = measuredFrom(events)
  let seen = 0
  if (from === 0) trial.start()
  return count => {
    const isFirstPart = seen < from
    seen += count
    if (isFirstPart && seen >= from) trial.start(events - seen)
    return seen
  }
}

/** Asks the question; a broker that serves all rounds is there meanwhile, and ends whatever happens. */
export async function onBroker(ask: () => Promise<unknown>): Promise<void> {
  if (brokerKind !== 'kafka') return void (await ask())
  const { startKafka } = await import('./kafka-node.js')
  await using node = await startKafka()
  process.env['BENCH_KAFKA'] = `kafka://${node.bootstrap()}`
  await ask()
}

let opened = 0

export function openBroker(): BenchBroker {
  if (isKafka) return partOf(brokerKind === 'kafka' ? process.env['BENCH_KAFKA']! : brokerKind)
  if (brokerKind === 'memory') return whole(`memory:${opened++}`, () => undefined)
  if (brokerKind !== 'embedded' && brokerKind !== 'embedded-fsync') throw new Error(`There is no broker "${brokerKind}".`)
  const folder = mkdtempSync(join(tmpdir(), 'faust-bench-'))
  const url = `embedded:${folder}${brokerKind === 'embedded-fsync' ? '?fsync=true' : ''}`
  return whole(url, () => rmSync(folder, { recursive: true, force: true }))
}

function whole(url: string, remove: () => void): BenchBroker {
  return { url, suffix: '', name: of => of, remove: async () => remove() }
}

function partOf(url: string): BenchBroker {
  const suffix = `-${randomBytes(4).toString('hex')}`
  return { url, suffix, name: of => of + suffix, remove: () => removeTopics(url, name => name.includes(suffix)) }
}

export async function removeTopics(url: string, isMeant: (name: string) => boolean): Promise<void> {
  const connection = await new App('bench', { broker: url }).connect()
  const topics = await connection.admin.topics()
  await connection.admin.deleteTopics(topics.map(({ name }) => name).filter(isMeant))
  await connection.close()
}
