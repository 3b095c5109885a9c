import { Option, type Command } from 'commander'
import type { App, Logger } from '../index.js'
import { systemClock } from '../lib/clock.js'
import { isAlone, openLog, runs, type Session, type Shell } from './session.js'
import { usageError } from './usage-error.js'

/** `faust worker`. */
export function addWorker(program: Command, shell: Shell): void {
  const command = program
    .command('worker')
    .description('run the app: its agents, timers and tasks')
    .addOption(new Option('--web-port <port>', 'reserved for the dashboard').hideHelp())
    .addHelpText(
      'after',
      '\nCtrl-C stops it when what is in hand is finished; a second Ctrl-C stops it at once.\n\nExample:\n  $ faust -A ./app.ts worker -l info',
    )
  runs(command, shell, async session => {
    if (command.opts<{ webPort?: string }>().webPort !== undefined) {
      throw usageError('--web-port: the dashboard is not in this version. Leave the option out.')
    }
    shell.exitCode = await work(session)
  })
}

/** Runs a worker to its end; resolves to the exit code. */
async function work(session: Session): Promise<number> {
  const { app } = session
  const log = await openLog(session, 'info')
  using _world = app.override({ logger: log })
  using stop = new StopSignals(app, log)
  let isStarted = false
  announce(app, log)
  try {
    const running = await app.start()
    isStarted = true
    if (!stop.isCalled) log.info({}, 'Ready')
    await running.stopped
    await stop.done
    log.info({}, 'Stopped')
    return 0
  } catch (error) {
    // A start that was called off ends in an error of its own.
    if (stop.isCalled && !isStarted) return 0
    log.error({ error }, isStarted ? 'The worker has come down' : 'The worker cannot start')
    return 1
  }
}

function announce(app: App, log: Logger): void {
  const { id, broker, agents, topics } = app.describe()
  const facts = { broker, agents: agents.map(({ name }) => name), topics: topics.map(({ name }) => name) }
  log.info(facts, `Starting a worker of "${id}"`)
  if (isAlone(app)) log.info({ broker }, 'No other process reaches this broker: what is sent must be sent from this one')
}

/** The first signal stops the app when all is done; the next one ends the process at once. */
class StopSignals implements Disposable {
  isCalled = false
  /** Settles when what the first signal began is done. */
  done: Promise<void> = Promise.resolve()
  readonly #app: App
  readonly #log: Logger
  #receivedAt = -Infinity

  constructor(app: App, log: Logger) {
    this.#app = app
    this.#log = log
    for (const signal of signals) process.on(signal, this.#receive)
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#receive)
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    if (this.#isEcho()) return
    if (this.isCalled) {
      this.#log.warn({ signal }, 'Stopping at once: what was in hand will be done again')
      process.exit(1)
    }
    this.isCalled = true
    this.#log.info({ signal }, 'Stopping: what is in hand is finished first; the same again stops at once')
    this.done = this.#app[Symbol.asyncDispose]()
    this.done.catch(() => undefined)
  }

  /** npm hands on the Ctrl-C that the terminal has already sent to all. */
  #isEcho(): boolean {
    const last = this.#receivedAt
    this.#receivedAt = systemClock.elapsed()
    return process.env['npm_command'] !== undefined && this.#receivedAt - last < echoMs
  }
}

const echoMs = 100

const signals = ['SIGINT', 'SIGTERM'] as const
