import type { Command } from 'commander'
import type { Connection, PartitionOffset } from '../transport/transport.js'
import { didYouMean } from './did-you-mean.js'
import { connected, runs, type Session, type Shell } from './session.js'
import { printTable, type Columns } from './table.js'
import { partitionsOf } from './topics-command.js'
import { failure, usageError } from './usage-error.js'

/** `faust reset`. */
export function addReset(program: Command, shell: Shell): void {
  const command = program
    .command('reset')
    .description('make the app begin anew: forget how far it has read, delete its reply topics')
    .option(
      '--skip <topic>',
      'go on at the end of this topic instead; may be repeated',
      (topic, all: string[]) => [...all, topic],
      [],
    )
    .option('-y, --yes', 'do not ask first')
    .addHelpText(
      'after',
      `\nEvery topic that the app has read is read again from its beginning, when its workers start. Skip those that it also
writes: what it reads again it writes again. Stop its workers first.

Example:
  $ faust -A ./app.ts reset --skip order-totals`,
    )
  runs(command, shell, session => reset(session, command.opts<{ skip: string[]; yes?: boolean }>()))
}

interface Row {
  readonly topic: string
  readonly then: 'read from its beginning' | 'read from its end' | 'deleted'
  /** Messages to be read. */
  readonly messages: number
}

const columns: Columns<Row> = {
  topic: ({ topic }) => topic,
  then: ({ then }) => then,
  messages: ({ messages }) => messages,
}

async function reset(session: Session, options: { skip: readonly string[]; yes?: boolean }): Promise<void> {
  const { app, terminal } = session
  const { broker } = app.describe()
  if (options.yes !== true && !terminal.canAsk) throw usageError('reset asks first, and nobody can answer here: say --yes.')
  await connected(session, async connection => {
    const plan = await planFor(session, connection, options.skip)
    if (options.yes !== true && plan.rows.length > 0) {
      printTable(session, plan.rows, columns)
      if (!(await terminal.confirm(`Reset "${app.id}" on ${broker}?`))) throw failure('Nothing was reset.')
    }
    await connection.admin.resetGroup(app.id, plan.offsets)
    await connection.admin.deleteTopics(plan.rows.flatMap(({ topic, then }) => (then === 'deleted' ? [topic] : [])))
    if (options.yes === true) printTable(session, plan.rows, columns)
    terminal.note(plan.rows.length === 0 ? `"${app.id}" has read nothing on ${broker}.` : `"${app.id}" begins anew.`)
  })
}

interface Plan {
  readonly rows: readonly Row[]
  /** Where the app goes on; from the beginning where nothing is said. */
  readonly offsets: readonly PartitionOffset[]
}

async function planFor({ app }: Session, { admin }: Connection, skip: readonly string[]): Promise<Plan> {
  const topics = await admin.topics()
  const unknown = skip.find(name => topics.every(topic => topic.name !== name))
  if (unknown !== undefined) {
    const names = topics.map(({ name }) => name)
    throw failure(`Cannot skip "${unknown}": the broker has no such topic.${didYouMean(unknown, names)}`)
  }
  const read = new Set((await admin.groupOffsets(app.id)).map(({ topic }) => topic))
  const concerned = topics.filter(({ name }) => read.has(name) || skip.includes(name))
  const partitions = partitionsOf(concerned)
  const [starts, ends] = await Promise.all([admin.startOffsets(partitions), admin.endOffsets(partitions, 'read-committed')])
  const rows = concerned.map(({ name: topic }): Row => {
    if (skip.includes(topic)) return { topic, then: 'read from its end', messages: 0 }
    return { topic, then: 'read from its beginning', messages: sumOf(ends, topic) - sumOf(starts, topic) }
  })
  const replies = topics.filter(({ name }) => isReplyTopic(name, app.id))
  const deleted = replies.map(({ name: topic }): Row => ({ topic, then: 'deleted', messages: 0 }))
  return { rows: [...rows, ...deleted], offsets: ends.filter(({ topic }) => skip.includes(topic)) }
}

function sumOf(offsets: readonly PartitionOffset[], topic: string): number {
  return offsets.reduce((sum, each) => (each.topic === topic ? sum + each.offset : sum), 0)
}

/** A process deletes its own when it stops cleanly; one that was killed leaves it behind. */
function isReplyTopic(name: string, appId: string): boolean {
  const prefix = `f-reply-${appId}-`
  return name.startsWith(prefix) && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(name.slice(prefix.length))
}
