import { inspect } from 'node:util'
import { App, deadLetter, unchecked, type Agent, type Running, type Topic } from 'faust-ts'
import { kafka } from 'faust-ts/kafka'
import { expect, onTestFinished } from 'vitest'
import type { Cluster } from '../../scripts/kafka/cluster.js'
import { execute } from '../../src/cli/execute.js'
import type { Logger } from '../../src/lib/log.js'
import type { Connection } from '../../src/transport/transport.js'
import { Access, type Right } from './access.js'
import { createTopic, eventually } from './steering.js'

/** What each login of the suite proves itself with; must not be seen anywhere. */
export const password = 'canary-secret'

/** The topics, the group and the prefix of the replies of a login's app. */
export interface Names {
  readonly source: string
  readonly output: string
  readonly letters: string
  readonly group: string
  readonly replies: string
}

/** An app that doubles the numbers of one topic into another, for a login with access rules of its own. */
export class Kitchen {
  readonly names: Names
  readonly access: Access
  /** Of all apps of this login: what was read, and what was logged above `info`. */
  readonly seen: number[] = []
  readonly lines: string[] = []
  readonly #cluster: Cluster
  readonly #user: string

  constructor(cluster: Cluster, user: string, names: Names = namesFor(user)) {
    this.names = names
    this.access = new Access(cluster.bootstrap(), user)
    this.#cluster = cluster
    this.#user = user
    onTestFinished(() => expect(this.lines.join('\n')).not.toContain('canary'))
  }

  /** The same app for another login, which has rights of its own. */
  for(user: string): Kitchen {
    return new Kitchen(this.#cluster, user, this.names)
  }

  /** The topics as somebody else has made them, and what a worker must be allowed to do with them. */
  async prepare(): Promise<void> {
    const { source, output } = this.names
    for (const name of [source, output]) await createTopic(this.#cluster.bootstrap(), { name })
    await this.access.grant(...workerRights(this.names))
  }

  /** A new app each time: another worker, or a client. */
  app(): KitchenApp {
    const app = new App(this.names.group, { broker: this.#broker, logger: this.#log, sessionTimeout: '2s', commitInterval: 50 })
    const source = app.topic(this.names.source, { value: unchecked<number>(), partitions: 1 })
    const output = app.topic(this.names.output, { value: unchecked<number>(), partitions: 1 })
    const doubling = app.agent('doubling', { topic: source, onError: deadLetter() }, stream => this.#double(stream)).to(output)
    return { app, source, doubling }
  }

  async work(): Promise<Running> {
    const running = await this.app().app.start()
    onTestFinished(() => running.stop())
    return running
  }

  /** In the name of one that may do everything. */
  async send(...values: readonly number[]): Promise<void> {
    await using app = new App('anybody', { broker: `kafka://${this.#cluster.bootstrap()}` })
    const topic = app.topic(this.names.source, { value: unchecked<number>() })
    for (const value of values) await topic.send(value)
  }

  async ask(value: number): Promise<unknown> {
    const { app, doubling } = this.app()
    await using _ = app
    return await doubling.ask(value, { timeout: '2s' })
  }

  /** A command of the command line: its exit code, and all that it wrote. */
  async call(...words: readonly string[]): Promise<readonly [number, string]> {
    let written = ''
    const write = (text: string): void => void (written += `${text}\n`)
    const terminal = { print: write, note: write, isInteractive: false, width: 80, canAsk: false }
    const code = await execute(words, { app: this.app().app, terminal: { ...terminal, confirm: () => Promise.resolve(false) } })
    expect(written).not.toContain('canary')
    return [code, written]
  }

  /** The login's own connection, or that of one who may do everything. */
  async connection(isOwn = true): Promise<Connection> {
    const app = isOwn ? this.app().app : new App('anybody', { broker: `kafka://${this.#cluster.bootstrap()}` })
    const connection = await app.connect()
    onTestFinished(() => connection.close())
    return connection
  }

  async committed(offset: number): Promise<void> {
    const { admin } = await this.connection(false)
    await eventually(`commit of ${offset}`, async () => (await admin.groupOffsets(this.names.group))[0]?.offset === offset)
  }

  async says(text: string | RegExp): Promise<void> {
    await eventually(`"${String(text)}" in ${this.lines.join('\n')}`, () =>
      Promise.resolve(this.lines.some(line => line.search(text) >= 0)),
    )
  }

  async hasSeen(...values: readonly number[]): Promise<void> {
    await eventually(`sight of ${values.join()}`, () => Promise.resolve(values.every(value => this.seen.includes(value))))
  }

  async *#double(stream: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const value of stream) {
      this.seen.push(value)
      if (value < 0) throw new RangeError('below nothing')
      yield 2 * value
    }
  }

  get #broker(): ReturnType<typeof kafka> {
    const sasl = { mechanism: 'PLAIN', username: this.#user, password } as const
    return kafka({ brokers: [this.#cluster.bootstrap('LOGIN')], sasl })
  }

  get #log(): Logger {
    const write = (facts: object, message: string): void =>
      void this.lines.push(`${message} ${inspect(facts, { depth: 9, showHidden: true })}`)
    const silent = (): undefined => undefined
    const log: Logger = { debug: silent, info: silent, warn: write, error: write, child: () => log }
    return log
  }
}

interface KitchenApp {
  readonly app: App
  readonly source: Topic<number>
  readonly doubling: Agent<number, number>
}

function namesFor(user: string): Names {
  const [source, group] = [`${user}-in`, `${user}-app`]
  return { source, output: `${user}-out`, letters: `${source}-dead-letters`, group, replies: `f-reply-${group}-*` }
}

/** What a worker needs where the topics are there: the table of docs/guide/brokers.md. */
export function workerRights({ source, output, group }: Names): Right[] {
  return [
    ['topic', source, 'Read'],
    ['topic', source, 'DescribeConfigs'],
    ['topic', output, 'Write'],
    ['topic', output, 'DescribeConfigs'],
    ['group', group, 'Read'],
  ]
}

/** … and those of whoever asks, and of whoever answers. */
export function askRights({ source, replies }: Names): { asking: Right[]; answering: Right[] } {
  return {
    asking: [
      ['topic', source, 'Write'],
      ['topic', source, 'DescribeConfigs'],
      ['topic', replies, 'Create'],
      ['topic', replies, 'Read'],
      ['topic', replies, 'Delete'],
    ],
    answering: [
      ['topic', replies, 'Write'],
      ['topic', replies, 'DescribeConfigs'],
    ],
  }
}
