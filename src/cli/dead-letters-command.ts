import type { Command } from 'commander'
import type { Connection, TopicDescription } from '../transport/transport.js'
import { deadLetterOf, deadLetterSuffix, letterLines, originalHeaders, type DeadLetter } from './dead-letter.js'
import { didYouMean } from './did-you-mean.js'
import { readCount } from './read-count.js'
import { readMessages, type StoredMessage } from './read-messages.js'
import { connected, runs, type Session, type Shell } from './session.js'
import { printTable, type Columns } from './table.js'
import { isDeclared, partitionsOf } from './topics-command.js'
import { failure, usageError } from './usage-error.js'

const place = '<topic> <partition> <offset>'

/** `faust dead-letters`. */
export function addDeadLetters(program: Command, shell: Shell): void {
  const group = program
    .command('dead-letters')
    .description('messages that an agent or a schema has given up: list, show, send again')
    .addHelpText(
      'after',
      `\nA message is named by ${place}, or in one word as logs have it: 'orders-dead-letters[3]@17'. The topic may leave out
"${deadLetterSuffix}". A letter that was sent again stays where it is.

Examples:
  $ faust -A ./app.ts dead-letters
  $ faust -A ./app.ts dead-letters list orders --limit 20 --json
  $ faust -A ./app.ts dead-letters show orders 3 17
  $ faust -A ./app.ts dead-letters send-again orders 3 17`,
    )
  const lists = group.command('list', { isDefault: true }).description('list the newest, of all declared topics or of one')
  lists.argument('[topic]', 'whose dead letters').option('--limit <n>', 'at most so many of each partition', readCount, 100)
  runs(lists, shell, session => list(session, lists))
  const shows = group.command('show').description('show a whole message, with its headers').usage(`[options] ${place}`)
  shows.argument('<topic...>', 'which message')
  runs(shows, shell, session => show(session, shows))
  const sends = group.command('send-again').alias('send').usage(`[options] ${place}`)
  sends.description('write a message to the topic and partition it came from: key, value and headers as they were')
  sends.argument('<topic...>', 'which message')
  runs(sends, shell, session => sendAgain(session, sends))
}

const columns: Columns<DeadLetter> = {
  topic: ({ topic }) => topic,
  partition: ({ partition }) => partition,
  offset: ({ offset }) => offset,
  time: ({ time }) => time,
  original: ({ original }) => (original === null ? '-' : `${original.topic}[${original.partition}]@${original.offset}`),
  agent: ({ agent }) => agent ?? '-',
  error: ({ error }) => `${error.name}: ${error.message}`,
}

async function list(session: Session, command: Command): Promise<void> {
  const [wanted] = command.processedArgs as [string | undefined]
  const { limit } = command.opts<{ limit: number }>()
  const letters = await connected(session, async connection => {
    const topics = await letterTopics(session, connection, wanted)
    const partitions = partitionsOf(topics)
    const { admin } = connection
    const [starts, ends] = await Promise.all([admin.startOffsets(partitions), admin.endOffsets(partitions, 'read-committed')])
    const ranges = ends.map(({ topic, partition, offset: to }) => {
      const start = starts.find(each => each.topic === topic && each.partition === partition)?.offset ?? 0
      return { topic, partition, from: Math.max(start, to - limit), to }
    })
    return (await readMessages(connection, ranges)).map(deadLetterOf)
  })
  printTable(session, letters, columns)
}

async function show(session: Session, command: Command): Promise<void> {
  const letter = deadLetterOf(await connected(session, connection => find(session, connection, command)))
  session.terminal.print(session.globals.json === true ? JSON.stringify(letter) : letterLines(letter).join('\n'))
}

async function sendAgain(session: Session, command: Command): Promise<void> {
  const sent = await connected(session, async connection => {
    const message = await find(session, connection, command)
    const { original } = deadLetterOf(message)
    if (original === null) throw failure('The headers of this message do not say where it came from: it is no dead letter.')
    return write(connection, message, original)
  })
  session.terminal.print(JSON.stringify(sent))
}

async function write(connection: Connection, message: StoredMessage, to: { topic: string; partition: number }): Promise<object> {
  const { key, value, timestamp } = message
  const { topic, partition } = to
  const headers = originalHeaders(message)
  const producer = await connection.producer({})
  try {
    const sized = { key, keyStart: 0, keyEnd: key?.length ?? 0 }
    const batch = producer.append({ topic, partition, timestamp, ...sized, value, headers: headers.size === 0 ? null : headers })
    await producer.flush()
    if (batch.error !== null) throw batch.error
    return { topic, partition, offset: batch.offsetAt(batch.count - 1) }
  } finally {
    await producer.close()
  }
}

async function find(session: Session, connection: Connection, command: Command): Promise<StoredMessage> {
  const [words] = command.processedArgs as [string[]]
  const { topic: name, partition, offset } = placeOf(words)
  const [topic] = await letterTopics(session, connection, name)
  if (topic === undefined || partition >= topic.partitions)
    throw failure(`"${topic?.name ?? name}" has no partition ${partition}.`)
  const at = { topic: topic.name, partition }
  const [end] = await connection.admin.endOffsets([at], 'read-committed')
  const range = { ...at, from: offset, to: Math.min(offset + 1, end?.offset ?? 0) }
  const message = (await readMessages(connection, [range])).find(each => each.offset === offset)
  if (message === undefined) throw failure(`There is no message ${topic.name}[${partition}]@${offset}.`)
  return message
}

/** The dead-letter topics of what the app declares, or the one that is asked for. */
async function letterTopics({ app }: Session, { admin }: Connection, wanted?: string): Promise<readonly TopicDescription[]> {
  const all = await admin.topics()
  const own = all.filter(
    ({ name }) => name.endsWith(deadLetterSuffix) && isDeclared(app, name.slice(0, -deadLetterSuffix.length)),
  )
  if (wanted === undefined) return own
  const found = all.find(({ name }) => name === wanted + deadLetterSuffix) ?? all.find(({ name }) => name === wanted)
  if (found !== undefined) return [found]
  const names = own.map(({ name }) => name)
  throw failure(
    `The broker has no topic "${wanted}${wanted.endsWith(deadLetterSuffix) ? '' : deadLetterSuffix}".${didYouMean(wanted, names)}`,
  )
}

/** `orders 3 17` or `orders[3]@17`. */
function placeOf(words: readonly string[]): { topic: string; partition: number; offset: number } {
  const text = words.join(' ')
  const [, topic, partition, offset] = /^(\S+?) (\d+) (\d+)$/.exec(text) ?? /^(\S+?)\[(\d+)\]@(\d+)$/.exec(text) ?? []
  if (topic === undefined) throw usageError(`A message is named by ${place}, not "${text}".`)
  return { topic, partition: Number(partition), offset: Number(offset) }
}
