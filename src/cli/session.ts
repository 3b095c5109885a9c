import type { Command } from 'commander'
import type { App, Logger, LogLevel } from '../index.js'
import { sleep, systemClock } from '../lib/clock.js'
import type { Connection } from '../transport/transport.js'
import type { Globals } from './globals.js'
import type { Terminal } from './terminal.js'
import { usageError } from './usage-error.js'

/** What the commands of one call share. */
export interface Shell {
  /** Name of the executable. */
  readonly program: string
  readonly terminal: Terminal
  readonly app: App | undefined
  /** Whether the executable is the app's own: no `-A`. */
  readonly isFixed: boolean
  exitCode: number
}

/** One command at work. */
export interface Session {
  readonly app: App
  readonly globals: Globals
  readonly terminal: Terminal
}

/** Makes a command that needs the app do `run`. */
export function runs(command: Command, shell: Shell, run: (session: Session) => unknown): void {
  command.action(async () => {
    const { app, terminal } = shell
    if (app === undefined)
      throw usageError(`"${command.name()}" needs an app: ${shell.program} -A <module[:export]> ${command.name()}`)
    await run({ app, globals: command.optsWithGlobals(), terminal })
  })
}

/** The log that a command keeps, on standard error. */
export async function openLog({ globals }: Session, level: LogLevel): Promise<Logger> {
  const { createLogger } = await import('../index.js')
  const format = globals.logFormat ?? (process.stderr.isTTY ? 'pretty' : 'json')
  return createLogger({ level: globals.logLevel ?? level, format })
}

/** Does something over a connection to the app's broker. */
export async function connected<Result>(session: Session, use: (connection: Connection) => Promise<Result>): Promise<Result> {
  using _world = session.app.override({ logger: await openLog(session, 'warn') })
  const connection = await session.app.connect()
  try {
    return await use(connection)
  } finally {
    await connection.close()
  }
}

/** Does something with the app that needs its agents: where the broker is this process only, a worker runs meanwhile. */
export async function reaching<Result>(session: Session, use: () => Result | Promise<Result>): Promise<Result> {
  const { app } = session
  using _world = app.override({ logger: await openLog(session, 'warn') })
  let result: Result
  try {
    result = isAlone(app) ? await besideWorker(app, use) : await use()
  } catch (error) {
    await app[Symbol.asyncDispose]().catch(() => undefined)
    throw error
  }
  await app[Symbol.asyncDispose]()
  return result
}

/** Whether no other process can reach the app's broker. */
export function isAlone(app: App): boolean {
  return app.describe().broker.startsWith('memory:')
}

/** What was sent last is in an agent's hands by then, and a stop waits for what is in hand. */
const settlingMs = 50

async function besideWorker<Result>(app: App, use: () => Result | Promise<Result>): Promise<Result> {
  const running = await app.start()
  const died = running.stopped.then(() => new Promise<never>(() => undefined))
  died.catch(() => undefined)
  const result = await Promise.race([use(), died])
  await Promise.race([sleep(systemClock, settlingMs, { kind: 'service' }), died])
  await running.stop()
  await running.stopped
  return result
}
