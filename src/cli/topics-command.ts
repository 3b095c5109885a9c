import type { Command } from 'commander'
import type { App } from '../index.js'
import type { Admin, Connection, PartitionOffset, TopicDescription, TopicSpec } from '../transport/transport.js'
import { connected, runs, type Shell } from './session.js'
import { printTable, type Columns } from './table.js'

/** `faust topics`. */
export function addTopics(program: Command, shell: Shell): void {
  const command = program.command('topics').description('list the declared topics, and what the broker has of them')
  runs(command, shell, async session => {
    const found = await connected(session, connection => rows(session.app, connection))
    const isAnyOther = found.some(({ differences }) => differences.length > 0)
    printTable(session, found, isAnyOther ? columnsWithDifferences : columns)
  })
}

/** Whether the app declares a topic of that name, by the name itself or by a pattern. */
export function isDeclared(app: App, name: string): boolean {
  const { topics, patterns } = app.describe()
  return topics.some(topic => topic.name === name) || patterns.some(pattern => expression(pattern).test(name))
}

/** The partitions of topics, for questions about each. */
export function partitionsOf(topics: readonly TopicDescription[]): { topic: string; partition: number }[] {
  return topics.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })),
  )
}

interface Row {
  readonly topic: string
  /** `null` for a topic that only a pattern covers. */
  readonly declared: TopicSpec | null
  /** `null` for a topic that the broker does not have (yet). */
  readonly broker: TopicDescription | null
  readonly messages: number
  /** Messages that the app's workers have not committed yet; `null` for a topic of which they have committed nothing. */
  readonly lag: number | null
  readonly ends: readonly number[]
  /** How the broker's topic is other than declared, in words. */
  readonly differences: readonly string[]
}

const columns: Columns<Row> = {
  topic: ({ topic }) => topic,
  declared: ({ declared }) => declared?.partitions ?? '-',
  'on the broker': ({ broker }) => broker?.partitions ?? '-',
  messages: ({ broker, messages }) => (broker === null ? '-' : messages),
  lag: ({ lag }) => lag ?? '-',
  'end offsets': ({ ends }) => ends.join(' '),
}

/** With one more column where something is other than declared. */
const columnsWithDifferences: Columns<Row> = { ...columns, 'not as declared': ({ differences }) => differences.join(', ') }

async function rows(app: App, { admin }: Connection): Promise<Row[]> {
  const { topics: specs, differences } = app.describe()
  const present = (await admin.topics()).filter(({ name }) => isDeclared(app, name))
  const [offsets, committed] = await Promise.all([offsetsOf(admin, present), admin.groupOffsets(app.id)])
  const names = new Set([...specs, ...present].map(({ name }) => name))
  return [...names].sort().map(topic => {
    const { starts, ends } = offsets.get(topic) ?? { starts: [], ends: [] }
    const broker = present.find(({ name }) => name === topic) ?? null
    return {
      topic,
      declared: specs.find(({ name }) => name === topic) ?? null,
      broker,
      messages: sumOf(ends) - sumOf(starts),
      lag: lagOf(
        committed.filter(each => each.topic === topic),
        { starts, ends },
      ),
      ends,
      differences: broker === null ? [] : differences(broker),
    }
  })
}

interface Offsets {
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

async function offsetsOf(admin: Admin, topics: readonly TopicDescription[]): Promise<Map<string, Offsets>> {
  const partitions = partitionsOf(topics)
  const [starts, ends] = await Promise.all([admin.startOffsets(partitions), admin.endOffsets(partitions, 'read-committed')])
  return new Map(topics.map(({ name }) => [name, { starts: inOrder(starts, name), ends: inOrder(ends, name) }]))
}

/** A partition that was never committed is read from its start. */
function lagOf(committed: readonly PartitionOffset[], { starts, ends }: Offsets): number | null {
  if (committed.length === 0) return null
  const positions = starts.map((start, partition) =>
    Math.max(start, committed.find(each => each.partition === partition)?.offset ?? 0),
  )
  return sumOf(ends) - sumOf(positions)
}

function sumOf(offsets: readonly number[]): number {
  return offsets.reduce((sum, offset) => sum + offset, 0)
}

function inOrder(offsets: readonly PartitionOffset[], name: string): number[] {
  const own = offsets.filter(({ topic }) => topic === name)
  return own.sort((a, b) => a.partition - b.partition).map(({ offset }) => offset)
}

/** A pattern as `describe()` writes it: `/^orders-/i`. */
function expression(pattern: string): RegExp {
  const end = pattern.lastIndexOf('/')
  return new RegExp(pattern.slice(1, end), pattern.slice(end + 1).replace(/[gy]/g, ''))
}
